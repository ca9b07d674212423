#include "proxy/handshakes.h"

#include "suite.h"

#define COUNT_OF_ONE 5

static struct handshakes set;
static struct handshake list[2 * COUNT_OF_ONE];

static void
open_set(void)
{
	handshakes_init(&set);
	/* Otherwise two sources would share a bucket now and then. */
	set.secret = 1;
}

static void
add(int number, const char *host, int64_t began)
{
	union address peer;

	ck_assert(address_parse(host, &peer));
	handshakes_add(&set, &list[number], number, &peer);
	list[number].began = began;
}

static void
expect_worst(int number)
{
	ck_assert_ptr_eq(handshakes_worst(&set), &list[number]);
}

START_TEST(an_empty_set_has_no_worst)
{
	ck_assert_ptr_null(handshakes_worst(&set));
	add(0, "192.0.2.1", 1);
	expect_worst(0);
	handshakes_remove(&set, &list[0]);
	ck_assert_ptr_null(handshakes_worst(&set));
	ck_assert_uint_eq(set.count, 0);
}
END_TEST

/* The first, the last and one in the middle are removed out of turn. */
START_TEST(the_oldest_of_a_source_is_the_worst)
{
	for (int i = 0; i < COUNT_OF_ONE; i++)
		add(i, "192.0.2.1", i);
	expect_worst(0);
	handshakes_remove(&set, &list[0]);
	handshakes_remove(&set, &list[2]);
	handshakes_remove(&set, &list[4]);
	expect_worst(1);
	handshakes_remove(&set, &list[1]);
	expect_worst(3);
	add(0, "192.0.2.1", 9);
	expect_worst(3);
	ck_assert_uint_eq(set.count, 2);
}
END_TEST

static const struct {
	const char *many, *few;
} sources[] = {
	{ "192.0.2.1", "192.0.2.2" },
	{ "2001:db8:1:1::1", "2001:db8:1:2::1" },
	{ "192.0.2.1", "2001:db8:1:1::1" },
	{ "2001:db8:1:1::1", "192.0.2.1" },
};

/* The order of arrival does not matter then. */
START_TEST(the_source_with_the_most_has_the_worst)
{
	add(0, sources[_i].few, 0);
	add(1, sources[_i].many, 1);
	expect_worst(0);
	add(2, sources[_i].many, 2);
	expect_worst(1);
	add(3, sources[_i].few, 3);
	add(4, sources[_i].few, 4);
	expect_worst(0);
}
END_TEST

START_TEST(the_addresses_of_one_network_are_one_source)
{
	add(0, "2001:db8:1:2::1", 0);
	add(1, "2001:db8:1:1::1", 1);
	add(2, "2001:db8:1:1:ffff::1", 2);
	expect_worst(1);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("handshakes");
	TCase *worst = tcase_create("worst");

	tcase_add_checked_fixture(worst, open_set, NULL);
	tcase_add_test(worst, an_empty_set_has_no_worst);
	tcase_add_test(worst, the_oldest_of_a_source_is_the_worst);
	tcase_add_loop_test(
	    worst, the_source_with_the_most_has_the_worst, 0, COUNT(sources));
	tcase_add_test(worst, the_addresses_of_one_network_are_one_source);
	suite_add_tcase(suite, worst);
	return suite;
}
