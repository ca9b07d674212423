#include "proxy/counterparts.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

static struct counterparts list;

static void
open_list(void)
{
	counterparts_init(&list);
}

static void
note(const char *host, uint16_t port)
{
	union address peer;

	ck_assert(address_parse(host, &peer));
	address_set_port(&peer, port);
	counterparts_note(&list, &peer);
}

/* That the one at that place is this host, with so many requests. */
static void
check(size_t place, const char *host, uint64_t requests)
{
	struct counterpart copies[COUNTERPARTS_MAX];
	char text[ADDRESS_STRLEN];

	ck_assert_uint_lt(place, counterparts_copy(&list, copies));
	ck_assert_str_eq(
	    address_format_host(&copies[place].address, text), host);
	ck_assert_uint_eq(copies[place].requests, requests);
	ck_assert_int_gt(copies[place].last_at, 0);
}

START_TEST(at_first_there_are_none)
{
	struct counterpart copies[COUNTERPARTS_MAX];

	ck_assert_uint_eq(counterparts_copy(&list, copies), 0);
}
END_TEST

START_TEST(the_latest_comes_first)
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

START_TEST(the_oldest_makes_room)
{
	char host[32];

	for (int i = 0; i <= COUNTERPARTS_MAX; i++) {
		snprintf(host, sizeof(host), "192.0.2.%d", i + 1);
		note(host, 1);
		if (i == 1)
			note("192.0.2.1", 1);
	}
	check(0, host, 1);
	/* The first one came again, so that it was the second that went. */
	check(COUNTERPARTS_MAX - 1, "192.0.2.1", 2);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("counterparts");
	TCase *latest = tcase_create("latest");

	tcase_add_checked_fixture(latest, open_list, NULL);
	tcase_add_test(latest, at_first_there_are_none);
	tcase_add_test(latest, the_latest_comes_first);
	tcase_add_test(latest, another_port_is_another_one);
	tcase_add_test(latest, the_oldest_makes_room);
	suite_add_tcase(suite, latest);
	return suite;
}
