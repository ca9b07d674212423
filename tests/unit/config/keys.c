#include "config/keys.h"

#include <stddef.h>
#include <string.h>

#include "reading.h"
#include "suite.h"

enum {
	WHOLE = 1,
	PART = 2,
};

struct sample {
	char text[32];
	size_t reads;
};

/* Appends the value, or the type of what is no string. */
static void
read_text(struct reader *given, const struct json5 *value, void *field)
{
	struct sample *sample = field;
	const char *text = json5_string(value, NULL);

	ck_assert_ptr_eq(given, &reader);
	strcat(sample->text, text ? text : json5_type_name(json5_type(value)));
	sample->reads++;
}

struct base {
	int other;
	struct sample a, b;
};

#define A offsetof(struct base, a)
#define B offsetof(struct base, b)

static const struct key keys[] = {
	{ WHOLE, KEY_REQUIRED, "a", read_text, A, NULL },
	{ WHOLE | PART, KEY_OPTIONAL, "b", read_text, B, "'x'" },
	{ PART, KEY_LIST, "list", read_text, A, NULL },
	{ 0 },
};

static const struct {
	unsigned object;
	const char *text, *a, *b, *reported;
} rows[] = {
	{ WHOLE, "{ a: 'y' }", "y", "x", "" },
	{ WHOLE, "{ a: 'y', b: 'z' }", "y", "xz", "" },
	{ WHOLE, "{ a: 'y', b: null }", "y", "x", "" },
	{ WHOLE, "{}", "", "x", "1:1: a: this key is required" },
	{ WHOLE, "{ a: null }", "", "x", "1:1: a: this key is required" },
	{ WHOLE, "{ a: '', list: [] }", "", "x",
	    "1:10: list: this key is unknown" },
	{ WHOLE, "{ A: 'y' }", "", "x",
	    "1:3: A: this key is unknown; did you mean \"a\"? | "
	    "1:1: a: this key is required" },
	{ WHOLE, "[]", "", "", "1:1: this must be an object, not an array" },
	{ PART, "{}", "", "x", "" },
	{ PART, "{ list: [] }", "an array", "x", "" },
	/* An absent list may open a door, so null is for its reader to refuse. */
	{ PART, "{ list: null }", "null", "x", "" },
};

START_TEST(an_object_is_read_by_the_table)
{
	struct base base = { .other = 77 };
	struct json5 *root = load(rows[_i].text);

	keys_read(&reader, keys, rows[_i].object, root, &base);
	ck_assert_str_eq(base.a.text, rows[_i].a);
	ck_assert_str_eq(base.b.text, rows[_i].b);
	ck_assert_int_eq(base.other, 77);
	ck_assert_str_eq(problems_reported(), rows[_i].reported);
	json5_destroy(root);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("keys");
	TCase *table = tcase_create("table");

	tcase_add_checked_fixture(table, open_reader, NULL);
	tcase_add_loop_test(
	    table, an_object_is_read_by_the_table, 0, COUNT(rows));
	suite_add_tcase(suite, table);
	return suite;
}
