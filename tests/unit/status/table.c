#include "status/table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static const struct column columns[] = {
	{ "USER", false, false },
	{ "SENT", true, false },
	{ "SEEN", true, true },
	{ "WHY", false, true },
};

static struct table table;
static char *printed;

static void
add(const char *user, const char *sent, const char *seen, const char *why)
{
	const char *cells[] = { user, sent, seen, why };

	table_add(&table, cells);
}

static void
open_table(void)
{
	table_init(&table, columns, COUNT(columns));
	add("alice", "5 B", "now", "");
	add("bob", "1.0 KiB", "12s ago", "denied");
}

static void
finish_table(void)
{
	table_finish(&table);
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
	table_print(&table, &screen, max_rows);
	fclose(screen.out);
	return printed;
}

START_TEST(columns_are_as_wide_as_they_need_to_be)
{
	ck_assert_str_eq(print(SIZE_MAX, SIZE_MAX, false),
	    "USER      SENT     SEEN  WHY\n"
	    "alice      5 B      now\n"
	    "bob    1.0 KiB  12s ago  denied\n");
}
END_TEST

START_TEST(the_last_optional_columns_go_first)
{
	ck_assert_str_eq(print(24, SIZE_MAX, false),
	    "USER      SENT     SEEN\n"
	    "alice      5 B      now\n"
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
	    "USER   SENT  SEEN  WHY\n"
	    "alice   5 B   now\n"
	    "... and 1 more\n");
}
END_TEST

START_TEST(nothing_can_command_the_terminal)
{
	add("\033[2J\001", "1", "2", "caf\xc3\xa9 \xff");
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
	suite_add_tcase(suite, print);
	return suite;
}
