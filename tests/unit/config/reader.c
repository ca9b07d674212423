#include "config/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reading.h"
#include "suite.h"

#define LONGEST (16 * 1024 * 1024)

/* What is reported when the file is only loaded, or the step done as well. */
static void
check_load(const char *text, const char *expected)
{
	struct json5 *root = load(text);

	ck_assert_str_eq(problems_reported(), expected);
	ck_assert(reader.failed == (root == NULL));
	json5_destroy(root);
}

START_TEST(a_file_is_read_as_a_tree)
{
	struct json5 *root = load("// hello\n{ a: [1, 2,], }");

	ck_assert_ptr_nonnull(root);
	ck_assert(!reader.failed);
	ck_assert_str_eq(problems_reported(), "");
	ck_assert_uint_eq(json5_count(json5_member(root, "a")), 2);
	json5_destroy(root);
}
END_TEST

START_TEST(a_mistake_in_the_text_is_reported_at_its_place)
{
	check_load("{\n  a: 1,\n  b: [ 2 3 ]\n}",
	    "3:10: b: expected ',' or ']' but found '3'");
}
END_TEST

START_TEST(an_empty_file_is_a_mistake)
{
	check_load("", "1:1: expected a value but found the end of the text");
}
END_TEST

/* What the system says of it comes as the C library words it. */
static void
check_unreadable(const char *what, int error)
{
	char expected[128];

	ck_assert_ptr_null(reader_load(&reader));
	ck_assert(reader.failed);
	sprintf(expected, " cannot %s: %s", what, strerror(error));
	ck_assert_str_eq(problems_reported(), expected);
}

START_TEST(a_file_that_is_not_there_is_reported)
{
	reader.path = problems_file("", 0);
	problems_forget_file();
	check_unreadable("open", ENOENT);
}
END_TEST

START_TEST(a_directory_is_no_file_to_read)
{
	reader.path = problems_file("", 0);
	problems_forget_file();
	ck_assert_int_eq(mkdir(reader.path, 0700), 0);
	check_unreadable("read", EISDIR);
	rmdir(reader.path);
}
END_TEST

/* A number, and white space up to that length. */
static struct json5 *
load_long(size_t len)
{
	char *text = malloc(len);
	struct json5 *root;

	memset(text, ' ', len);
	text[len - 1] = '7';
	reader.path = problems_file(text, len);
	free(text);
	root = reader_load(&reader);
	problems_forget_file();
	return root;
}

START_TEST(the_longest_file_is_read)
{
	struct json5 *root = load_long(LONGEST);

	ck_assert_ptr_nonnull(root);
	ck_assert_uint_eq(json5_position(root).column, LONGEST);
	json5_destroy(root);
}
END_TEST

static const size_t too_long[] = { LONGEST + 1, LONGEST + 2, 2 * LONGEST };

START_TEST(a_longer_file_is_refused)
{
	ck_assert_ptr_null(load_long(too_long[_i]));
	ck_assert(reader.failed);
	ck_assert_str_eq(problems_reported(), " this is larger than 16 MiB");
}
END_TEST

/* Nothing is known of its length, and it comes in parts. */
START_TEST(a_device_or_pipe_is_read_to_its_end)
{
	static const char text[] = "{ a: 1 }";
	char path[64];
	struct json5 *root;
	int ends[2];

	problems_file("", 0);
	problems_forget_file();
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], text, strlen(text)), strlen(text));
	close(ends[1]);
	sprintf(path, "/proc/self/fd/%d", ends[0]);
	reader.path = path;
	root = reader_load(&reader);
	ck_assert_ptr_nonnull(root);
	json5_destroy(root);
	close(ends[0]);
}
END_TEST

START_TEST(a_failure_counts_and_a_warning_does_not)
{
	struct json5 *root = load("{ a: { b: 7 } }");
	const struct json5 *b = json5_member(json5_member(root, "a"), "b");

	reader_warn(&reader, b, "%d is odd", 7);
	ck_assert(!reader.failed);
	reader_fail(&reader, b, "%d is %s", 7, "bad");
	ck_assert(reader.failed);
	reader_fail(&reader, root, "all is bad");
	ck_assert_str_eq(problems_reported(),
	    "not fatal: 1:11: a.b: warning: 7 is odd | "
	    "1:11: a.b: 7 is bad | "
	    "1:1: all is bad");
	json5_destroy(root);
}
END_TEST

/* U+009B begins a command to a terminal. The last character is cut. */
START_TEST(what_a_terminal_obeys_is_not_shown)
{
	struct json5 *root = load("{}");

	reader_fail(&reader, root, "a\x1b[b\xc2\x9b[c\xc3");
	ck_assert_str_eq(problems_reported(), "1:1: a?[b??[c?");
	json5_destroy(root);
}
END_TEST

/* Of each kind, so that no kind hides another one. */
START_TEST(many_problems_of_a_kind_are_counted)
{
	struct json5 *root = load("{ a: 1 }");
	const struct json5 *a = json5_member(root, "a");
	const char *reported;
	unsigned lines = 1;

	for (unsigned i = 0; i < 1000; i++) {
		reader_warn(&reader, a, "%u is odd", i);
		reader_fail(&reader, a, "%u is bad", i);
	}
	reader_fail(&reader, a, "all is bad");
	reader_finish(&reader);
	reported = problems_reported();
	ck_assert_ptr_nonnull(strstr(reported, "19 is odd"));
	ck_assert_ptr_null(strstr(reported, "20 is odd"));
	ck_assert_ptr_nonnull(strstr(reported,
	    "1:6: a: all is bad | "
	    " 980 more problems like these are not shown | "
	    "not fatal:  warning: 980 more warnings like these are not shown"));
	while ((reported = strstr(reported, " | "))) {
		reported++;
		lines++;
	}
	ck_assert_uint_eq(lines, 2 * MESSAGE_QUOTA + 3);
	json5_destroy(root);
}
END_TEST

START_TEST(a_problem_that_is_not_shown_is_fatal_all_the_same)
{
	struct json5 *root = load("{ a: 1 }");

	for (unsigned i = 0; i <= MESSAGE_QUOTA; i++) {
		reader.failed = false;
		reader_fail(&reader, root, "bad");
	}
	ck_assert(reader.failed);
	problems_reported();
	json5_destroy(root);
}
END_TEST

static const char *const known[] = { "listen", "timeout", NULL };

static const struct {
	const char *text, *reported;
} keys[] = {
	{ "{ listen: 1, timeout: 2 }", "" },
	{ "{}", "" },
	{ "{ listen: 1,\n timeuot: 2 }",
	    "2:2: timeuot: this key is unknown; did you mean \"timeout\"?" },
	{ "{ Listen: 1 }",
	    "1:3: Listen: this key is unknown; did you mean \"listen\"?" },
	{ "{ zzzzzz: 1 }", "1:3: zzzzzz: this key is unknown" },
	{ "{ '': 1 }", "1:3: [\"\"]: this key is unknown" },
	{ "{ 'time out': 1 }",
	    "1:3: [\"time out\"]: this key is unknown; "
	    "did you mean \"timeout\"?" },
	{ "{ lsten: 1, timeot: 2, listen: 3 }",
	    "1:3: lsten: this key is unknown; did you mean \"listen\"? | "
	    "1:13: timeot: this key is unknown; "
	    "did you mean \"timeout\"?" },
};

START_TEST(each_key_that_is_not_known_is_refused)
{
	struct json5 *root = load(keys[_i].text);

	reader_refuse_unknown(&reader, root, known);
	ck_assert_str_eq(problems_reported(), keys[_i].reported);
	ck_assert(reader.failed == (*keys[_i].reported != '\0'));
	json5_destroy(root);
}
END_TEST

START_TEST(a_key_that_is_required_and_absent_is_reported)
{
	struct json5 *root = load("{ a: 1,\n  b: { c: 1, n: null } }");

	reader_require(&reader, root, "a");
	reader_require(&reader, json5_member(root, "b"), "c");
	ck_assert(!reader.failed);
	reader_require(&reader, root, "d");
	reader_require(&reader, json5_member(root, "b"), "e");
	reader_require(&reader, json5_member(root, "b"), "n");
	ck_assert(reader.failed);
	ck_assert_str_eq(problems_reported(),
	    "1:1: d: this key is required | "
	    "2:6: b.e: this key is required | "
	    "2:6: b.n: this key is required");
	json5_destroy(root);
}
END_TEST

/* Each type, from null on. */
static const char *const values[] = { "null", "true", "1", "1.5", "'x'", "[]",
	"{}" };

static const struct {
	const char *text, *reason;
} slips[] = {
	{ "10.0.0.0/8 ", "remove the blank at its end" },
	{ " ::1", "remove the blank at its beginning" },
	{ "A/24, B/32",
	    "this is a list in one string; write each address as a string of "
	    "its own" },
	{ "a:1,b:2",
	    "this is a list in one string; write each address as a string of "
	    "its own" },
	{ "::1;::2",
	    "this is a list in one string; write each address as a string of "
	    "its own" },
	{ "::1 ::2",
	    "there is a blank in it; write each address as a string of its "
	    "own" },
	{ "10.0.0.0/33", "wrong" },
	{ "", "wrong" },
};

START_TEST(what_people_write_in_place_of_an_address_is_named)
{
	struct json5 *root = load("{ k: 1 }");
	char expected[160];

	reader_fail_address(
	    &reader, json5_member(root, "k"), slips[_i].text, "wrong");
	snprintf(expected, sizeof(expected), "1:6: k: \"%s\": %s",
	    slips[_i].text, slips[_i].reason);
	ck_assert_str_eq(problems_reported(), expected);
	json5_destroy(root);
}
END_TEST

static const struct {
	const char *text, *reported;
} dialects[] = {
	{ "# exit\nlisten: ':1'\n",
	    "1:1: this is not JSON5: it looks like YAML; a configuration is an "
	    "object in { }" },
	{ "[inbound]\nlisten = ':1'\n",
	    "1:2: this is not JSON5: it looks like TOML; a configuration is an "
	    "object in { }" },
	{ "{ a: [1 }", "1:9: a: expected ',' or ']' but found '}'" },
};

START_TEST(a_file_in_another_language_is_named_by_it)
{
	check_load(dialects[_i].text, dialects[_i].reported);
}
END_TEST

/* Each kind of value, asked for as each kind. */
START_TEST(a_value_of_another_type_is_refused)
{
	char text[32];

	sprintf(text, "{ k: %s }", values[_i]);
	for (enum json5_type type = JSON5_BOOLEAN; type <= JSON5_OBJECT;
	     type++) {
		char expected[128] = "";
		struct json5 *root;
		bool is_type;

		open_reader();
		root = load(text);
		is_type = reader_expect(&reader, json5_member(root, "k"), type);
		ck_assert(is_type == ((int)type == _i));
		if (!is_type)
			sprintf(expected, "1:6: k: this must be %s, not %s",
			    json5_type_name(type),
			    json5_type_name((enum json5_type)_i));
		ck_assert_str_eq(problems_reported(), expected);
		json5_destroy(root);
	}
}
END_TEST

START_TEST(a_string_is_handed_out_unless_it_holds_a_nul)
{
	struct json5 *root = load("{ a: 'x\xc3\xa9', b: 'x\\0y' }");

	ck_assert_pstr_eq(
	    reader_text(&reader, json5_member(root, "a")), "x\xc3\xa9");
	ck_assert(!reader.failed);
	ck_assert_ptr_null(reader_text(&reader, json5_member(root, "b")));
	ck_assert(reader.failed);
	ck_assert_str_eq(problems_reported(),
	    "1:15: b: there is a NUL character in this string");
	json5_destroy(root);
}
END_TEST

START_TEST(memory_is_given_zeroed)
{
	char *memory = reader_allocate(&reader, 3, 100);

	for (int i = 0; i < 300; i++)
		ck_assert_int_eq(memory[i], 0);
	free(memory);
	ck_assert(!reader.failed);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("reader");
	TCase *file = tcase_create("file");
	TCase *value = tcase_create("value");

	tcase_add_checked_fixture(file, open_reader, NULL);
	tcase_add_test(file, a_file_is_read_as_a_tree);
	tcase_add_test(file, a_mistake_in_the_text_is_reported_at_its_place);
	tcase_add_test(file, an_empty_file_is_a_mistake);
	tcase_add_test(file, a_file_that_is_not_there_is_reported);
	tcase_add_test(file, a_directory_is_no_file_to_read);
	tcase_add_test(file, the_longest_file_is_read);
	tcase_add_loop_test(file, a_longer_file_is_refused, 0, COUNT(too_long));
	tcase_add_test(file, a_device_or_pipe_is_read_to_its_end);
	tcase_add_test(file, memory_is_given_zeroed);
	suite_add_tcase(suite, file);

	tcase_add_checked_fixture(value, open_reader, NULL);
	tcase_add_test(value, what_a_terminal_obeys_is_not_shown);
	tcase_add_test(value, a_failure_counts_and_a_warning_does_not);
	tcase_add_test(value, many_problems_of_a_kind_are_counted);
	tcase_add_test(
	    value, a_problem_that_is_not_shown_is_fatal_all_the_same);
	tcase_add_loop_test(
	    value, each_key_that_is_not_known_is_refused, 0, COUNT(keys));
	tcase_add_test(value, a_key_that_is_required_and_absent_is_reported);
	tcase_add_loop_test(
	    value, a_value_of_another_type_is_refused, 1, COUNT(values));
	tcase_add_loop_test(value,
	    what_people_write_in_place_of_an_address_is_named, 0, COUNT(slips));
	tcase_add_loop_test(value, a_file_in_another_language_is_named_by_it, 0,
	    COUNT(dialects));
	tcase_add_test(value, a_string_is_handed_out_unless_it_holds_a_nul);
	suite_add_tcase(suite, value);
	return suite;
}
