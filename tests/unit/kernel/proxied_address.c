#include "kernel/proxied_address.h"

#include <sched.h>
#include <stdlib.h>

#include "suite.h"

static const struct {
	const char *prefix, *found; /* NULL: none */
} cases[] = {
	{ "2001:db8::/64", "2001:db8::10" },
	{ "2001:db8::10", "2001:db8::10" },
	{ "2001:db8::11", NULL },
	{ "203.0.113.128/25", "203.0.113.200" },
	{ "203.0.113.0/25", NULL },
};

START_TEST(an_address_that_is_proxied_is_found)
{
	struct prefix prefix;
	union address address, expected;
	bool masked, is_found;

	if (unshare(CLONE_NEWNET))
		return;
	ck_assert_int_eq(
	    system(
		"set -e; ip link add out0 type veth peer name far0; "
		"ip link set out0 up; ip link set far0 up; "
		"ip -6 neigh add proxy 2001:db8::10 dev out0; "
		"ip neigh add proxy 203.0.113.200 dev out0; "
		"ip neigh add 203.0.113.9 lladdr 02:00:00:00:00:01 dev out0"),
	    0);
	ck_assert_ptr_null(prefix_parse(cases[_i].prefix, &prefix, &masked));
	is_found = proxied_address_find(&prefix, &address);
	ck_assert_int_eq(is_found, cases[_i].found != NULL);
	if (!is_found)
		return;
	ck_assert(address_parse(cases[_i].found, &expected));
	ck_assert(address_same_host(&address, &expected));
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("proxied_address");
	TCase *tcase = tcase_create("proxied_address");

	tcase_add_loop_test(
	    tcase, an_address_that_is_proxied_is_found, 0, COUNT(cases));
	suite_add_tcase(suite, tcase);
	return suite;
}
