#include "net/route.h"

#include <errno.h>
#include <ifaddrs.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>

#include "suite.h"

static const struct {
	const char *host;
	bool local;
} hosts[] = {
	{ "127.0.0.1", true },
	{ "127.1.2.3", true },
	{ "198.51.100.77", false },
	{ "::1", true },
	{ "2001:db8:77::1", false },
};

START_TEST(an_address_of_this_host_is_known_as_such)
{
	union address address;

	ck_assert(address_parse(hosts[_i].host, &address));
	address_set_port(&address, 80);
	ck_assert_int_eq(route_ends_here(&address), hosts[_i].local);
}
END_TEST

START_TEST(each_address_of_an_interface_is_this_hosts)
{
	struct ifaddrs *list, *entry;
	union address address;

	ck_assert_int_eq(getifaddrs(&list), 0);
	for (entry = list; entry; entry = entry->ifa_next) {
		if (!entry->ifa_addr ||
		    (entry->ifa_addr->sa_family != AF_INET &&
			entry->ifa_addr->sa_family != AF_INET6))
			continue;
		memcpy(&address, entry->ifa_addr,
		    entry->ifa_addr->sa_family == AF_INET ? sizeof(address.v4)
							  : sizeof(address.v6));
		address_set_port(&address, 80);
		ck_assert_int_eq(route_ends_here(&address), 1);
	}
	freeifaddrs(list);
}
END_TEST

/* Each host has these loopback routes, so their results are known. */
START_TEST(a_broadcast_address_is_told_from_others)
{
	union address address;

	ck_assert(address_parse("127.255.255.255", &address));
	ck_assert_int_eq(route_is_broadcast(&address), 1);
	ck_assert(address_parse("127.255.255.254", &address));
	ck_assert_int_eq(route_is_broadcast(&address), 0);
	ck_assert(address_parse("198.51.100.255", &address));
	ck_assert_int_eq(route_is_broadcast(&address), 0);
}
END_TEST

START_TEST(an_address_of_a_host_is_no_anycast_one)
{
	union address address;

	ck_assert(address_parse(hosts[_i].host, &address));
	ck_assert_int_eq(route_is_anycast(&address), 0);
}
END_TEST

/* A host without routes: an own network namespace, where that is permitted. */
START_TEST(an_address_without_a_route_is_not_this_hosts)
{
	union address address;

	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return;
	for (size_t i = 0; i < COUNT(hosts); i++) {
		struct route route;

		ck_assert(address_parse(hosts[i].host, &address));
		address_set_port(&address, 80);
		ck_assert_int_eq(route_ends_here(&address), hosts[i].local);
		if (hosts[i].local)
			continue;
		ck_assert_int_eq(route_find(&address, 0, &route), -ENETUNREACH);
		ck_assert_int_eq(route_is_broadcast(&address), 0);
	}
}
END_TEST

START_TEST(what_cannot_be_asked_is_no_answer)
{
	struct rlimit limit, none;
	union address address;
	int ends_here, is_broadcast, is_anycast;

	ck_assert(address_parse("198.51.100.77", &address));
	getrlimit(RLIMIT_NOFILE, &limit);
	none = (struct rlimit){ 0, limit.rlim_max };
	setrlimit(RLIMIT_NOFILE, &none);
	ends_here = route_ends_here(&address);
	is_broadcast = route_is_broadcast(&address);
	is_anycast = route_is_anycast(&address);
	setrlimit(RLIMIT_NOFILE, &limit);
	ck_assert_int_eq(ends_here, -EMFILE);
	ck_assert_int_eq(is_broadcast, -EMFILE);
	ck_assert_int_eq(is_anycast, -EMFILE);
	ck_assert_int_eq(route_ends_here(&address), 0);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("route");
	TCase *here = tcase_create("here");

	tcase_add_test(here, each_address_of_an_interface_is_this_hosts);
	tcase_add_loop_test(
	    here, an_address_of_this_host_is_known_as_such, 0, COUNT(hosts));
	tcase_add_test(here, a_broadcast_address_is_told_from_others);
	tcase_add_loop_test(
	    here, an_address_of_a_host_is_no_anycast_one, 0, COUNT(hosts));
	tcase_add_test(here, an_address_without_a_route_is_not_this_hosts);
	tcase_add_test(here, what_cannot_be_asked_is_no_answer);
	suite_add_tcase(suite, here);
	return suite;
}
