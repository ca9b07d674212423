#include "config/values.h"

#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "net/endpoint.h"
#include "reading.h"
#include "suite.h"

static const struct {
	const char *value;
	int64_t ms;
} times[] = {
	{ "0", 0 },
	{ "300", 300000 },
	{ "0x10", 16000 },
	{ "2147483", 2147483000 },
	{ "'5m'", 300000 },
	{ "\"1h30m\"", 5400000 },
	{ "'0'", 0 },
	{ "'300ms'", 300 },
};

#define NO_TIME "this is not a time such as \"5m\", \"1h30m\", \"300ms\""
#define TIME_OR_SECONDS \
	"this must be a time such as \"5m\" or whole seconds, not "

static const struct {
	const char *value, *reported;
} no_times[] = {
	{ "-1", "1:6: t: -1: a time must be 0 seconds or more" },
	{ "1.5", "1:6: t: " TIME_OR_SECONDS "a number" },
	{ "Infinity", "1:6: t: " TIME_OR_SECONDS "a number" },
	{ "true", "1:6: t: " TIME_OR_SECONDS "a boolean" },
	{ "['5m']", "1:6: t: " TIME_OR_SECONDS "an array" },
	{ "{}", "1:6: t: " TIME_OR_SECONDS "an object" },
	{ "''", "1:6: t: \"\": " NO_TIME },
	{ "'5'", "1:6: t: \"5\": " NO_TIME },
	{ "'5 minutes'", "1:6: t: \"5 minutes\": " NO_TIME },
	{ "'-5m'", "1:6: t: \"-5m\": " NO_TIME },
	{ "'5m\\0'", "1:6: t: there is a NUL character in this string" },
};

static int64_t
read_duration(const char *value)
{
	char text[64];
	struct json5 *root;
	int64_t ms = 77;

	sprintf(text, "{ t: %s }", value);
	root = load(text);
	value_duration(&reader, json5_member(root, "t"), &ms);
	json5_destroy(root);
	return ms;
}

START_TEST(a_time_is_whole_seconds_or_a_duration)
{
	ck_assert_int_eq(read_duration(times[_i].value), times[_i].ms);
	ck_assert_str_eq(problems_reported(), "");
}
END_TEST

static const char *const long_times[] = { "2147484", "9223372036854775807",
	"'597h'", "'2562047h'" };

/* Go has longer ones, and nothing waits as long. */
START_TEST(a_longer_time_is_taken_as_the_longest)
{
	ck_assert_int_eq(read_duration(long_times[_i]), DURATION_MAX_MS);
	ck_assert_str_eq(problems_reported(),
	    "not fatal: 1:6: t: warning: the longest time is 596 hours, which "
	    "is used instead; 0 is no limit");
	ck_assert(!reader.failed);
}
END_TEST

START_TEST(what_is_no_time_is_refused_and_changes_nothing)
{
	ck_assert_int_eq(read_duration(no_times[_i].value), 77);
	ck_assert_str_eq(problems_reported(), no_times[_i].reported);
	ck_assert(reader.failed);
}
END_TEST

START_TEST(an_endpoint_is_checked)
{
	struct json5 *root = load("{ a: ':80', b: 'x', c: 80 }");
	struct endpoint endpoint = { .port = 77 };

	value_endpoint(&reader, json5_member(root, "a"), &endpoint);
	ck_assert_uint_eq(endpoint.port, 80);
	ck_assert(!reader.failed);
	value_endpoint(&reader, json5_member(root, "b"), &endpoint);
	value_endpoint(&reader, json5_member(root, "c"), &endpoint);
	ck_assert_uint_eq(endpoint.port, 80);
	ck_assert_str_eq(problems_reported(),
	    "1:16: b: \"x\": the port is missing; write host:port | "
	    "1:24: c: this must be a string, not an integer");
	json5_destroy(root);
}
END_TEST

/* The sinks print lines, and terminals obey what a file may hold. */
START_TEST(a_report_is_one_line_that_a_terminal_can_show)
{
	struct json5 *root = load("{ a: 'x\\ny:80', b: 'x\\x1b[31m:80x' }");
	struct endpoint endpoint;

	value_endpoint(&reader, json5_member(root, "a"), &endpoint);
	ck_assert_ptr_null(strchr(problems_reported(), '\n'));
	value_endpoint(&reader, json5_member(root, "b"), &endpoint);
	ck_assert_ptr_null(strchr(problems_reported(), '\x1b'));
	json5_destroy(root);
}
END_TEST

START_TEST(a_long_value_leaves_room_for_what_is_wrong_with_it)
{
	char text[1024];
	struct json5 *root;
	struct endpoint endpoint;

	sprintf(text, "{ a: '%0*d' }", 900, 0);
	root = load(text);
	value_endpoint(&reader, json5_member(root, "a"), &endpoint);
	ck_assert_ptr_nonnull(
	    strstr(problems_reported(), "the port is missing"));
	json5_destroy(root);
}
END_TEST

static const char *const words[] = { "on", "off", "auto", NULL };

static const struct {
	const char *text;
	unsigned chosen;
	const char *reported;
} choices[] = {
	{ "['on']", 0, "" },
	{ "['auto']", 2, "" },
	{ "['']", 77, "" },
	{ "['Off']", 77,
	    "1:2: [0]: \"Off\": this is \"on\", \"off\" or \"auto\"" },
	{ "[1]", 77, "1:2: [0]: this must be a string, not an integer" },
};

START_TEST(a_choice_is_the_index_of_its_word)
{
	struct json5 *root = load(choices[_i].text);
	unsigned chosen = 77;

	value_choice(&reader, json5_item(root, 0), words, &chosen);
	ck_assert_uint_eq(chosen, choices[_i].chosen);
	ck_assert_str_eq(problems_reported(), choices[_i].reported);
	json5_destroy(root);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("values");
	TCase *value = tcase_create("value");

	tcase_add_checked_fixture(value, open_reader, NULL);
	tcase_add_loop_test(
	    value, a_time_is_whole_seconds_or_a_duration, 0, COUNT(times));
	tcase_add_loop_test(
	    value, a_longer_time_is_taken_as_the_longest, 0, COUNT(long_times));
	tcase_add_loop_test(value,
	    what_is_no_time_is_refused_and_changes_nothing, 0, COUNT(no_times));
	tcase_add_test(value, an_endpoint_is_checked);
	tcase_add_test(value, a_report_is_one_line_that_a_terminal_can_show);
	tcase_add_test(
	    value, a_long_value_leaves_room_for_what_is_wrong_with_it);
	tcase_add_loop_test(
	    value, a_choice_is_the_index_of_its_word, 0, COUNT(choices));
	suite_add_tcase(suite, value);
	return suite;
}
