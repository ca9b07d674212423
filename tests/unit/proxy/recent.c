#include "proxy/recent.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

static struct recent recent;
static struct account account = { .name = "alice" };

static void
open_recent(void)
{
	recent_init(&recent);
}

static void
refuse(uint64_t number, const char *reason)
{
	struct connection connection = { .facts.account = &account,
		.facts.number = number };

	ck_assert(address_parse("192.0.2.1", &connection.facts.source));
	recent_note_refusal(&recent, &connection, "ask the ACL", reason);
}

START_TEST(the_latest_refusal_is_the_first)
{
	struct recent_refusal copies[RECENT_REFUSALS];

	ck_assert_uint_eq(recent_copy_refusals(&recent, copies), 0);
	refuse(1, "first");
	refuse(2, "second");
	ck_assert_uint_eq(recent_copy_refusals(&recent, copies), 2);
	ck_assert_str_eq(copies[0].reason, "second");
	ck_assert_str_eq(copies[0].tried, "ask the ACL");
	ck_assert_str_eq(copies[0].user, "alice");
	ck_assert_int_eq(copies[0].source.any.sa_family, AF_INET);
	ck_assert_int_gt(copies[0].at, 0);
	ck_assert_uint_eq(copies[1].number, 1);
}
END_TEST

START_TEST(only_the_latest_refusals_are_kept)
{
	struct recent_refusal copies[RECENT_REFUSALS];

	for (uint64_t i = 1; i <= RECENT_REFUSALS + 3; i++)
		refuse(i, "no");
	ck_assert_uint_eq(
	    recent_copy_refusals(&recent, copies), RECENT_REFUSALS);
	ck_assert_uint_eq(copies[0].number, RECENT_REFUSALS + 3);
	ck_assert_uint_eq(copies[RECENT_REFUSALS - 1].number, 4);
}
END_TEST

START_TEST(long_reasons_are_cut)
{
	struct recent_refusal copies[RECENT_REFUSALS];
	char reason[1000];

	memset(reason, 'x', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	refuse(1, reason);
	ck_assert_uint_eq(recent_copy_refusals(&recent, copies), 1);
	ck_assert_uint_eq(
	    strlen(copies[0].reason), sizeof(copies[0].reason) - 1);
}
END_TEST

static void
note(const char *host, uint16_t port)
{
	union address peer;

	ck_assert(address_parse(host, &peer));
	address_set_port(&peer, port);
	recent_note_counterpart(&recent, &peer);
}

/* That the one at that place is this host, with so many requests. */
static void
check(size_t place, const char *host, uint64_t requests)
{
	struct recent_counterpart copies[RECENT_COUNTERPARTS];
	char text[ADDRESS_STRLEN];

	ck_assert_uint_lt(place, recent_copy_counterparts(&recent, copies));
	ck_assert_str_eq(
	    address_format_host(&copies[place].address, text), host);
	ck_assert_uint_eq(copies[place].requests, requests);
	ck_assert_int_gt(copies[place].last_at, 0);
}

START_TEST(at_first_there_is_no_counterpart)
{
	struct recent_counterpart copies[RECENT_COUNTERPARTS];

	ck_assert_uint_eq(recent_copy_counterparts(&recent, copies), 0);
}
END_TEST

START_TEST(the_latest_counterpart_comes_first)
{
	note("192.0.2.2", 1000);
	note("2001:db8::2", 1000);
	note("192.0.2.2", 1000);
	check(0, "192.0.2.2", 2);
	check(1, "2001:db8::2", 1);
}
END_TEST

START_TEST(another_port_is_another_one)
{
	note("192.0.2.2", 1000);
	note("192.0.2.2", 1001);
	check(0, "192.0.2.2", 1);
	check(1, "192.0.2.2", 1);
}
END_TEST

START_TEST(the_oldest_counterpart_makes_room)
{
	char host[32];

	for (int i = 0; i <= RECENT_COUNTERPARTS; i++) {
		snprintf(host, sizeof(host), "192.0.2.%d", i + 1);
		note(host, 1);
		if (i == 1)
			note("192.0.2.1", 1);
	}
	check(0, host, 1);
	/* The first one came again, so that it was the second that went. */
	check(RECENT_COUNTERPARTS - 1, "192.0.2.1", 2);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("recent");
	TCase *refusals = tcase_create("refusals");
	TCase *counterparts = tcase_create("counterparts");

	tcase_add_checked_fixture(refusals, open_recent, NULL);
	tcase_add_test(refusals, the_latest_refusal_is_the_first);
	tcase_add_test(refusals, only_the_latest_refusals_are_kept);
	tcase_add_test(refusals, long_reasons_are_cut);
	suite_add_tcase(suite, refusals);
	tcase_add_checked_fixture(counterparts, open_recent, NULL);
	tcase_add_test(counterparts, at_first_there_is_no_counterpart);
	tcase_add_test(counterparts, the_latest_counterpart_comes_first);
	tcase_add_test(counterparts, another_port_is_another_one);
	tcase_add_test(counterparts, the_oldest_counterpart_makes_room);
	suite_add_tcase(suite, counterparts);
	return suite;
}
