#include "config/dialect.h"

#include <string.h>

#include "suite.h"

static const struct {
	const char *text, *dialect;
} texts[] = {
	{ "listen: \":21829\"\nacl:\n  - auth: x\n", "YAML" },
	{ "# the exit\r\n\r\nacl:\r\n", "YAML" },
	{ "  listen: 1", "YAML" },
	{ "listen:", "YAML" },
	{ "---\nlisten: 1\n", "YAML" },
	{ "- auth: x\n", "YAML" },
	{ "%YAML 1.2\n---\nlisten: 1\n", "YAML" },
	{ "%TAG ! tag:example.net,2026:\n---\n", "YAML" },
	{ "listen = \":21829\"\n", "TOML" },
	{ "listen=1", "TOML" },
	{ "# the gate\n[inbound]\nlisten = 1\n", "TOML" },
	{ "[[acl]] # alice\n", "TOML" },
	{ "outbound.server = 1\n", "TOML" },
	{ "", NULL },
	{ "\n\n# nothing", NULL },
	{ "{ listen: ':1' ", NULL },
	{ "{\n", NULL },
	{ "// a comment\n{ listen = 1 }", NULL },
	{ "[1, 2", NULL },
	{ "[inbound, 2]", NULL },
	{ "[]", NULL },
	{ "[[[a]]]", NULL },
	{ "hello, world", NULL },
	{ "listen:1", NULL },
	{ "<config>", NULL },
	{ "\"listen\": 1", NULL },
};

START_TEST(the_first_line_tells_what_a_text_is)
{
	ck_assert_pstr_eq(dialect_guess(texts[_i].text, strlen(texts[_i].text)),
	    texts[_i].dialect);
}
END_TEST

START_TEST(nothing_behind_the_text_is_read)
{
	ck_assert_pstr_eq(dialect_guess("a: 1", 1), NULL);
	ck_assert_pstr_eq(dialect_guess("a: 1", 2), "YAML");
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("dialect");
	TCase *lines = tcase_create("lines");

	tcase_add_loop_test(
	    lines, the_first_line_tells_what_a_text_is, 0, COUNT(texts));
	tcase_add_test(lines, nothing_behind_the_text_is_read);
	suite_add_tcase(suite, lines);
	return suite;
}
