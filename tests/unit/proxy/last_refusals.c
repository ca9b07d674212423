#include "proxy/last_refusals.h"

#include <string.h>

#include "suite.h"

static struct last_refusals refusals;
static struct account account = { .name = "alice" };

static void
open_refusals(void)
{
	last_refusals_init(&refusals);
}

static void
note(uint64_t number, const char *reason)
{
	struct connection connection = { .facts.account = &account,
		.facts.number = number };

	ck_assert(address_parse("192.0.2.1", &connection.facts.source));
	last_refusals_note(&refusals, &connection, "ask the ACL", reason);
}

START_TEST(the_latest_is_the_first)
{
	struct last_refusal copies[LAST_REFUSALS_MAX];

	ck_assert_uint_eq(last_refusals_copy(&refusals, copies), 0);
	note(1, "first");
	note(2, "second");
	ck_assert_uint_eq(last_refusals_copy(&refusals, copies), 2);
	ck_assert_str_eq(copies[0].reason, "second");
	ck_assert_str_eq(copies[0].tried, "ask the ACL");
	ck_assert_str_eq(copies[0].user, "alice");
	ck_assert_int_eq(copies[0].source.any.sa_family, AF_INET);
	ck_assert_int_gt(copies[0].at, 0);
	ck_assert_uint_eq(copies[1].number, 1);
}
END_TEST

START_TEST(only_the_latest_are_kept)
{
	struct last_refusal copies[LAST_REFUSALS_MAX];

	for (uint64_t i = 1; i <= LAST_REFUSALS_MAX + 3; i++)
		note(i, "no");
	ck_assert_uint_eq(
	    last_refusals_copy(&refusals, copies), LAST_REFUSALS_MAX);
	ck_assert_uint_eq(copies[0].number, LAST_REFUSALS_MAX + 3);
	ck_assert_uint_eq(copies[LAST_REFUSALS_MAX - 1].number, 4);
}
END_TEST

START_TEST(long_reasons_are_cut)
{
	struct last_refusal copies[LAST_REFUSALS_MAX];
	char reason[1000];

	memset(reason, 'x', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	note(1, reason);
	ck_assert_uint_eq(last_refusals_copy(&refusals, copies), 1);
	ck_assert_uint_eq(
	    strlen(copies[0].reason), sizeof(copies[0].reason) - 1);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("last_refusals");
	TCase *latest = tcase_create("latest");

	tcase_add_checked_fixture(latest, open_refusals, NULL);
	tcase_add_test(latest, the_latest_is_the_first);
	tcase_add_test(latest, only_the_latest_are_kept);
	tcase_add_test(latest, long_reasons_are_cut);
	suite_add_tcase(suite, latest);
	return suite;
}
