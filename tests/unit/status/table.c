#include "status/table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static const struct column columns[] = {
	{ "USER", "user", CELL_TEXT, false },
	{ "SENT", "sent", CELL_BYTES, false },
	{ "SEEN", "seen", CELL_AGO, true },
	{ "WHY", "why", CELL_TEXT, true },
	{ 0 },
};

#define NOW 1000

static struct json_object *array;
static char *printed;

static void
open_table(void)
{
	array =
	    json_tokener_parse("[{\"user\":\"alice\",\"sent\":5,\"seen\":0},"
			       "{\"user\":\"bob\",\"sent\":1024,\"seen\":988,"
			       "\"why\":\"denied\"}]");
	ck_assert_ptr_nonnull(array);
}

static void
finish_table(void)
{
	json_object_put(array);
	free(printed);
}

static const char *
print(size_t width, size_t max_rows, bool has_colour)
{
	struct screen screen = {
		.width = width, .height = SIZE_MAX, .has_colour = has_colour
	};
	size_t len;

	free(printed);
	screen.out = open_memstream(&printed, &len);
	ck_assert_ptr_nonnull(screen.out);
	table_print(&screen, columns, array, NOW, max_rows);
	fclose(screen.out);
	return printed;
}

START_TEST(columns_are_as_wide_as_they_need_to_be)
{
	ck_assert_str_eq(print(SIZE_MAX, SIZE_MAX, false),
	    "USER      SENT     SEEN  WHY\n"
	    "alice      5 B    never\n"
	    "bob    1.0 KiB  12s ago  denied\n");
}
END_TEST

START_TEST(the_last_optional_columns_go_first)
{
	ck_assert_str_eq(print(24, SIZE_MAX, false),
	    "USER      SENT     SEEN\n"
	    "alice      5 B    never\n"
	    "bob    1.0 KiB  12s ago\n");
	ck_assert_str_eq(print(14, SIZE_MAX, false),
	    "USER      SENT\n"
	    "alice      5 B\n"
	    "bob    1.0 KiB\n");
}
END_TEST

START_TEST(no_line_is_longer_than_the_screen_is_wide)
{
	for (size_t width = 1; width < 40; width++) {
		const char *line = print(width, SIZE_MAX, false);

		for (; *line; line = strchr(line, '\n') + 1)
			ck_assert_uint_le(strcspn(line, "\n"), width);
	}
}
END_TEST

START_TEST(rows_that_are_left_out_are_counted)
{
	ck_assert_str_eq(print(SIZE_MAX, 1, false),
	    "USER   SENT   SEEN  WHY\n"
	    "alice   5 B  never\n"
	    "... and 1 more\n");
}
END_TEST

START_TEST(nothing_can_command_the_terminal)
{
	struct json_object *row = json_object_new_object();

	json_object_object_add(
	    row, "user", json_object_new_string("\033[2J\001"));
	json_object_object_add(
	    row, "why", json_object_new_string("caf\xc3\xa9 \xff"));
	json_object_array_add(array, row);
	print(SIZE_MAX, SIZE_MAX, false);
	ck_assert_ptr_null(strchr(printed, '\033'));
	ck_assert_ptr_nonnull(strstr(printed, "?[2J?"));
	ck_assert_ptr_nonnull(strstr(printed, "caf\xc3\xa9 ?\n"));
}
END_TEST

START_TEST(colour_takes_no_room)
{
	print(SIZE_MAX, SIZE_MAX, true);
	ck_assert_ptr_eq(
	    strstr(printed, "\033[1mUSER\033[0m      \033[1mSENT"), printed);
}
END_TEST

START_TEST(cells_have_units)
{
	static const struct {
		enum cell cell;
		const char *json, *text;
	} good[] = {
		{ CELL_TEXT, "{\"x\":\"a\"}", "a" },
		{ CELL_TEXT, "{}", "" },
		{ CELL_LIST, "{\"x\":[\"a\",\"b\"]}", "a, b" },
		{ CELL_LIST, "{}", "" },
		{ CELL_COUNTS, "{\"x\":{\"denied\":10,\"odd\":0,\"gone\":2}}",
		    "12 (denied 10, gone 2)" },
		{ CELL_COUNTS, "{\"x\":{}}", "-" },
		{ CELL_COUNTS, "{}", "-" },
		{ CELL_NUMBER, "{\"x\":12}", "12" },
		{ CELL_KNOWN, "{\"x\":2}", "2" },
		{ CELL_KNOWN, "{\"x\":null}", "unknown" },
		{ CELL_BYTES, "{\"x\":1536}", "1.5 KiB" },
		{ CELL_RATE, "{\"x\":0}", "-" },
		{ CELL_AGE, "{\"x\":61999}", "1m 1s" },
		{ CELL_AGO, "{\"x\":null}", "never" },
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		struct json_object *object = json_tokener_parse(good[i].json);
		struct column column = { "", "x", good[i].cell, false };
		char text[CELL_STRLEN];

		ck_assert_str_eq(
		    cell_format(&column, object, NOW, text), good[i].text);
		json_object_put(object);
	}
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("table");
	TCase *print = tcase_create("print");

	tcase_add_checked_fixture(print, open_table, finish_table);
	tcase_add_test(print, columns_are_as_wide_as_they_need_to_be);
	tcase_add_test(print, the_last_optional_columns_go_first);
	tcase_add_test(print, no_line_is_longer_than_the_screen_is_wide);
	tcase_add_test(print, rows_that_are_left_out_are_counted);
	tcase_add_test(print, nothing_can_command_the_terminal);
	tcase_add_test(print, colour_takes_no_room);
	tcase_add_test(print, cells_have_units);
	suite_add_tcase(suite, print);
	return suite;
}
