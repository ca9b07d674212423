#include "base/text.h"

#include <string.h>

#include "suite.h"

START_TEST(text_is_set_and_added_to)
{
	struct text text;

	ck_assert_str_eq(text_set(&text, "%s", "one"), "one");
	ck_assert_str_eq(text_add(&text, " %d", 2), "one 2");
	ck_assert_uint_eq(text.len, 5);
	ck_assert_str_eq(text_set(&text, "%s", ""), "");
}
END_TEST

START_TEST(what_has_no_room_is_cut_off)
{
	struct text text;

	text_set(&text, "%*s", TEXT_MAX_LEN - 2, "a");
	ck_assert_uint_eq(strlen(text_add(&text, "bcdef")), TEXT_MAX_LEN);
	ck_assert_str_eq(text.chars + TEXT_MAX_LEN - 3, "abc");
	ck_assert_uint_eq(strlen(text_add(&text, "more")), TEXT_MAX_LEN);
}
END_TEST

START_TEST(a_list_has_only_whole_words)
{
	ck_assert(text_lists("|one|two words|", "one"));
	ck_assert(text_lists("|one|two words|", "two words"));
	ck_assert(!text_lists("|one|two words|", "two"));
	ck_assert(!text_lists("|one|two words|", "ne"));
	ck_assert(!text_lists("|one|two words|", ""));
	ck_assert(!text_lists("", "one"));
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("text");
	TCase *tcase = tcase_create("text");

	tcase_add_test(tcase, text_is_set_and_added_to);
	tcase_add_test(tcase, what_has_no_room_is_cut_off);
	tcase_add_test(tcase, a_list_has_only_whole_words);
	suite_add_tcase(suite, tcase);
	return suite;
}
