#include "proxy/first_words.h"

#include "suite.h"

#define SSH 22
#define HTTPS 443

/* Waits for so many users who do not speak. Returns how many waited. */
static unsigned
serve_silent(uint16_t port, unsigned count)
{
	unsigned waited = 0;

	for (unsigned i = 0; i < count; i++) {
		if (!first_words_expected(port))
			continue;
		first_words_note(port, false);
		waited++;
	}
	return waited;
}

START_TEST(a_port_whose_users_never_speak_first_is_hardly_waited_for)
{
	ck_assert_uint_eq(serve_silent(SSH, 4), 4);
	ck_assert_uint_eq(serve_silent(SSH, 160), 10);
	ck_assert(first_words_expected(HTTPS));
}
END_TEST

START_TEST(some_slow_users_of_a_port_change_nothing)
{
	for (unsigned i = 0; i < 100; i++) {
		ck_assert_uint_eq(serve_silent(HTTPS, 3), 3);
		first_words_note(HTTPS, true);
	}
}
END_TEST

START_TEST(a_port_whose_users_speak_again_is_waited_for_again)
{
	serve_silent(SSH, 100);
	while (!first_words_expected(SSH))
		;
	first_words_note(SSH, true);
	ck_assert_uint_eq(serve_silent(SSH, 4), 4);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("first_words");
	TCase *tcase = tcase_create("first_words");

	tcase_add_test(
	    tcase, a_port_whose_users_never_speak_first_is_hardly_waited_for);
	tcase_add_test(tcase, some_slow_users_of_a_port_change_nothing);
	tcase_add_test(
	    tcase, a_port_whose_users_speak_again_is_waited_for_again);
	suite_add_tcase(suite, tcase);
	return suite;
}
