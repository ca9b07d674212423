#include "net/target.h"

#include <string.h>

#include "suite.h"

static const struct {
	const char *text, *contained, *not_contained;
	uint16_t port, other_port; /* of these */
	const char *formatted;
} good[] = {
	{ "192.0.2.0/24", "192.0.2.9", "192.0.3.9", 1, 1, "192.0.2.0/24" },
	{ "192.0.2.1", "192.0.2.1", "192.0.2.2", 25, 25, "192.0.2.1/32" },
	{ "192.0.2.1:25", "192.0.2.1", "192.0.2.1", 25, 26, "192.0.2.1/32:25" },
	{ "192.0.2.0/24:20-30", "192.0.2.9", "192.0.2.9", 20, 31,
	    "192.0.2.0/24:20-30" },
	{ "192.0.2.0/24:20-30", "192.0.2.9", "192.0.2.9", 30, 19,
	    "192.0.2.0/24:20-30" },
	{ "192.0.2.0/24:20-30", "192.0.2.9", "192.0.3.9", 25, 25,
	    "192.0.2.0/24:20-30" },
	{ ":25", "192.0.2.1", "192.0.2.1", 25, 24, ":25" },
	{ ":25", "2001:db8::1", "2001:db8::1", 25, 24, ":25" },
	{ ":1-65535", "2001:db8::1", "2001:db8::1", 65535, 0, ":1-65535" },
	{ "2001:db8::1:25", "2001:db8::1:25", "2001:db8::1", 80, 25,
	    "2001:db8::1:25/128" },
	{ "2001:db8::/32", "2001:db8::1", "2001:db9::1", 80, 80,
	    "2001:db8::/32" },
	{ "[2001:db8::/32]:25", "2001:db8::1", "2001:db8::1", 25, 26,
	    "[2001:db8::/32]:25" },
	{ "[2001:db8::1]:25-26", "2001:db8::1", "2001:db8::2", 26, 26,
	    "[2001:db8::1/128]:25-26" },
	{ "[::ffff:192.0.2.1]:25", "192.0.2.1", "192.0.2.2", 25, 25,
	    "192.0.2.1/32:25" },
};

static bool
contains(const struct target *target, const char *text, uint16_t port)
{
	union address address;

	ck_assert(address_parse(text, &address));
	address_set_port(&address, port);
	return target_contains(target, &address);
}

START_TEST(a_target_contains_what_it_names)
{
	struct target target;
	char text[TARGET_STRLEN];
	bool masked;

	ck_assert_pstr_eq(target_parse(good[_i].text, &target, &masked), NULL);
	ck_assert(!masked);
	ck_assert(contains(&target, good[_i].contained, good[_i].port));
	ck_assert(
	    !contains(&target, good[_i].not_contained, good[_i].other_port));
	ck_assert_str_eq(target_format(&target, text), good[_i].formatted);
}
END_TEST

#define NO_PORT "the port must be a number from 1 to 65535, or two with a dash"
#define NO_ADDRESS "this is not an IPv4 or IPv6 address"

static const struct {
	const char *text, *wrong;
} bad[] = {
	{ "", NO_ADDRESS },
	{ "25", NO_ADDRESS },
	{ "example.net:25", NO_ADDRESS },
	{ ":", NO_PORT },
	{ ":0", NO_PORT },
	{ ":65536", NO_PORT },
	{ ":+25", NO_PORT },
	{ ":25-", NO_PORT },
	{ ":-25", NO_PORT },
	{ ":25-26-27", NO_PORT },
	{ ":http", NO_PORT },
	{ ":26-25", "the first port is greater than the last" },
	{ "192.0.2.0/33:25", "prefix length is 0 to 32" },
	{ "192.0.2.1:", NO_PORT },
	{ "[2001:db8::1", "the closing bracket is missing" },
	{ "[2001:db8::1]", "the port is missing; write [PREFIX]:PORT" },
	{ "[2001:db8::1]/32:25", "the port is missing; write [PREFIX]:PORT" },
	{ "[]:25", NO_ADDRESS },
	{ "[2001:db8::1]:99999", NO_PORT },
};

START_TEST(what_is_no_target_is_refused_and_changes_nothing)
{
	struct target target = { .first_port = 77 };
	bool masked;

	ck_assert_pstr_eq(
	    target_parse(bad[_i].text, &target, &masked), bad[_i].wrong);
	ck_assert_uint_eq(target.first_port, 77);
}
END_TEST

START_TEST(bits_behind_the_prefix_are_cleared)
{
	struct target target;
	char text[TARGET_STRLEN];
	bool masked;

	ck_assert_pstr_eq(
	    target_parse("192.0.2.1/24:25", &target, &masked), NULL);
	ck_assert(masked);
	ck_assert_str_eq(target_format(&target, text), "192.0.2.0/24:25");
}
END_TEST

/* Of a list with a wide and a narrow one. */
START_TEST(a_list_can_leave_out_wide_prefixes)
{
	struct target items[2];
	struct target_list list = { .items = items, .count = 2 };
	union address address;
	bool masked;

	target_parse("0.0.0.0/0", &items[0], &masked);
	target_parse("127.0.0.0/8:53", &items[1], &masked);
	ck_assert(address_parse("127.0.0.1", &address));
	address_set_port(&address, 53);
	ck_assert(target_list_contains(&list, &address, 8));
	ck_assert(!target_list_contains(&list, &address, 9));
	address_set_port(&address, 54);
	ck_assert(!target_list_contains(&list, &address, 8));
	ck_assert(target_list_contains(&list, &address, 0));
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("target");
	TCase *tcase = tcase_create("target");

	tcase_add_loop_test(
	    tcase, a_target_contains_what_it_names, 0, COUNT(good));
	tcase_add_loop_test(tcase,
	    what_is_no_target_is_refused_and_changes_nothing, 0, COUNT(bad));
	tcase_add_test(tcase, bits_behind_the_prefix_are_cleared);
	tcase_add_test(tcase, a_list_can_leave_out_wide_prefixes);
	suite_add_tcase(suite, tcase);
	return suite;
}
