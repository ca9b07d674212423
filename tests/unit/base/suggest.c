#include "base/suggest.h"

#include "suite.h"

static const char *const words[] = { "listen", "acl", "timeout", "log_level",
	"handshake_timeout", "drain_timeout",
	"thirty-two-letters-long-in-total", "more-than-thirty-two-letters-long",
	NULL };

static const struct {
	const char *typed, *meant;
} guesses[] = {
	{ "listen", "listen" },
	{ "Listen", "listen" },
	{ "lsten", "listen" },
	{ "liisten", "listen" },
	{ "lisetn", "listen" },
	{ "isten", "listen" },
	{ "liste", "listen" },
	{ "time_out", "timeout" },
	{ "tiemout", "timeout" },
	{ "timeouts", "timeout" },
	{ "timout", "timeout" },
	{ "loglevel", "log_level" },
	{ "log-level", "log_level" },
	{ "logLevel", "log_level" },
	{ "handshake", NULL },
	{ "drain_timeuot", "drain_timeout" },
	{ "ACL", "acl" },
	{ "LISTEN", "listen" },
	{ "LogLevel", "log_level" },
	{ "acls", "acl" },
	{ "al", "acl" },
	{ "thirty-two-letters-long-in-totaL",
	    "thirty-two-letters-long-in-total" },
	{ "", NULL },
	{ "x", NULL },
	{ "xyz", NULL },
	{ "server", NULL },
	{ "allowed_src_ips", NULL },
	{ "0123456789abcdef0123456789abcdef", NULL },
	{ "more-than-thirty-two-letters-long", NULL },
	{ "a word that is much longer than any of those that could be meant",
	    NULL },
};

START_TEST(a_mistyped_word_leads_to_the_nearest_one)
{
	ck_assert_pstr_eq(
	    suggest_word(guesses[_i].typed, words), guesses[_i].meant);
}
END_TEST

START_TEST(among_equals_the_first_one_is_meant)
{
	static const char *const equals[] = { "bat", "cat", "hat", NULL };

	ck_assert_pstr_eq(suggest_word("rat", equals), "bat");
	ck_assert_pstr_eq(suggest_word("hat", equals), "hat");
}
END_TEST

START_TEST(an_empty_list_has_nothing_near)
{
	static const char *const none[] = { NULL };

	ck_assert_pstr_eq(suggest_word("listen", none), NULL);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("suggest");
	TCase *guess = tcase_create("guess");

	tcase_add_loop_test(
	    guess, a_mistyped_word_leads_to_the_nearest_one, 0, COUNT(guesses));
	tcase_add_test(guess, among_equals_the_first_one_is_meant);
	tcase_add_test(guess, an_empty_list_has_nothing_near);
	suite_add_tcase(suite, guess);
	return suite;
}
