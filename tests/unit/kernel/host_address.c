#include "kernel/host_address.h"

#include <errno.h>
#include <ifaddrs.h>
#include <string.h>
#include <sys/resource.h>

#include "suite.h"

/* Returns the next entry of a getifaddrs(3) list that counts. */
static struct ifaddrs *
next_counted(struct ifaddrs *entry, union address *address)
{
	for (; entry; entry = entry->ifa_next) {
		if (!entry->ifa_addr ||
		    (entry->ifa_addr->sa_family != AF_INET &&
			entry->ifa_addr->sa_family != AF_INET6))
			continue;
		memcpy(address, entry->ifa_addr,
		    entry->ifa_addr->sa_family == AF_INET
			? sizeof(address->v4)
			: sizeof(address->v6));
		if (!address_is_loopback(address))
			return entry;
	}
	return NULL;
}

START_TEST(each_address_of_an_interface_is_found_whatever_the_port)
{
	struct ifaddrs *list, *entry;
	union address address;

	ck_assert_int_eq(getifaddrs(&list), 0);
	for (entry = next_counted(list, &address); entry;
	     entry = next_counted(entry->ifa_next, &address)) {
		address_set_port(&address, 80);
		ck_assert_msg(
		    host_address_is(&address) == 1, "%s", entry->ifa_name);
	}
	freeifaddrs(list);
}
END_TEST

START_TEST(one_within_a_block_is_found)
{
	struct ifaddrs *list;
	union address address, found;
	struct prefix all = { .bit_count = 0 };
	bool is_there;

	ck_assert_int_eq(getifaddrs(&list), 0);
	is_there = next_counted(list, &address);
	freeifaddrs(list);
	if (!is_there)
		return;
	address_parse(
	    address.any.sa_family == AF_INET ? "0.0.0.0" : "::", &all.base);
	ck_assert_int_eq(host_address_find(&all, &found), 1);
	ck_assert_int_eq(host_address_is(&found), 1);
	ck_assert_uint_eq(address_port(&found), 0);
}
END_TEST

/*
 * The loopback network is routed to this host, and each host has an address in
 * it.
 */
static const char *const others[] = { "127.0.0.1", "127.1.2.3", "::1",
	"198.51.100.77", "2001:db8:77::1" };

START_TEST(others_are_not_found)
{
	union address address;

	ck_assert(address_parse(others[_i], &address));
	ck_assert_int_eq(host_address_is(&address), 0);
}
END_TEST

START_TEST(what_cannot_be_asked_is_no_answer)
{
	struct rlimit limit, none;
	union address address;
	int is_own;

	ck_assert(address_parse("198.51.100.77", &address));
	getrlimit(RLIMIT_NOFILE, &limit);
	none = (struct rlimit){ 0, limit.rlim_max };
	setrlimit(RLIMIT_NOFILE, &none);
	is_own = host_address_is(&address);
	setrlimit(RLIMIT_NOFILE, &limit);
	ck_assert_int_eq(is_own, -EMFILE);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("host_address");
	TCase *own = tcase_create("own");

	tcase_add_test(
	    own, each_address_of_an_interface_is_found_whatever_the_port);
	tcase_add_test(own, one_within_a_block_is_found);
	tcase_add_loop_test(own, others_are_not_found, 0, COUNT(others));
	tcase_add_test(own, what_cannot_be_asked_is_no_answer);
	suite_add_tcase(suite, own);
	return suite;
}
