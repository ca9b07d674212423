#include "json5/path.h"

#include <string.h>

#include "suite.h"

static const struct {
	const char *above, *key, *text;
} keys[] = {
	{ "", "listen", "listen" },
	{ "inbound", "listen", "inbound.listen" },
	{ "acl[2]", "name", "acl[2].name" },
	{ "a", "", "a[\"\"]" },
	{ "a", "odd key", "a[\"odd key\"]" },
	{ "", "1st", "[\"1st\"]" },
	{ "", "a\"b\\c", "[\"a\\\"b\\\\c\"]" },
	{ "", "a\033[2J", "[\"a\\u001b[2J\"]" },
	{ "", "\u00fc", "[\"\u00fc\"]" },
	{ "", "an_identifier_of_more_than_forty_characters",
	    "[\"an_identifier_of_more_than_forty_charact...\"]" },
};

START_TEST(a_key_goes_on_from_what_is_above)
{
	struct json5_path path;

	json5_path_init(&path, keys[_i].above);
	json5_path_add_key(&path, keys[_i].key);
	ck_assert_str_eq(path.text, keys[_i].text);
	ck_assert_uint_eq(path.len, strlen(path.text));
}
END_TEST

START_TEST(an_index_goes_on_from_what_is_above)
{
	struct json5_path path;

	json5_path_init(&path, "acl");
	json5_path_add_index(&path, 0);
	ck_assert_str_eq(path.text, "acl[0]");
	json5_path_add_index(&path, 4294967296);
	ck_assert_str_eq(path.text, "acl[0][4294967296]");
}
END_TEST

/* Also below the value that did not fit, although only its text is known. */
START_TEST(what_is_too_long_ends_in_dots_for_good)
{
	struct json5_path path, below;

	json5_path_init(&path, "");
	for (int i = 0; i < 100; i++)
		json5_path_add_key(&path, "abc");
	ck_assert_str_eq(path.text + path.len - strlen("abc...."), "abc....");
	ck_assert_uint_lt(path.len, sizeof(path.text));
	json5_path_init(&below, path.text);
	json5_path_add_index(&below, 1);
	ck_assert_str_eq(below.text, path.text);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("path");
	TCase *path = tcase_create("path");

	tcase_add_loop_test(
	    path, a_key_goes_on_from_what_is_above, 0, COUNT(keys));
	tcase_add_test(path, an_index_goes_on_from_what_is_above);
	tcase_add_test(path, what_is_too_long_ends_in_dots_for_good);
	suite_add_tcase(suite, path);
	return suite;
}
