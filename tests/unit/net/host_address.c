#include "net/host_address.h"

#include <errno.h>
#include <ifaddrs.h>
#include <limits.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "suite.h"

ssize_t __real_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags);

/* So many answers of the kernel are torn: they lack their addresses. */
static unsigned torn;

/* In place of recv(2), by --wrap: see meson.build. */
ssize_t
__wrap_recv(int fd, void *data, size_t size, int flags)
{
	ssize_t len = __real_recv(fd, data, size, flags);
	struct nlmsghdr *header;

	if (torn == 0)
		return len;
	for (ssize_t at = 0; at < len; at += NLMSG_ALIGN(header->nlmsg_len)) {
		header = (struct nlmsghdr *)((char *)data + at);
		header->nlmsg_flags |= NLM_F_DUMP_INTR;
		if (header->nlmsg_type == NLMSG_DONE)
			torn--;
		else
			header->nlmsg_type = NLMSG_NOOP;
	}
	return len;
}

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

START_TEST(the_list_has_each_of_them_and_no_other)
{
	struct prefix_list own = { 0 };

	ck_assert_int_eq(host_address_list(&own), 0);
	for (size_t i = 0; i < own.count; i++) {
		ck_assert(prefix_is_single(&own.items[i]));
		ck_assert_int_eq(host_address_is(&own.items[i].base), 1);
		ck_assert(i == 0 ||
		    prefix_compare(&own.items[i - 1], &own.items[i]) <= 0);
	}
	prefix_list_finish(&own);
}
END_TEST

static const unsigned tears[] = { 1, 3, UINT_MAX };

START_TEST(an_answer_that_lacks_an_address_is_none)
{
	struct prefix_list whole = { 0 }, own = { 0 };
	int error;

	ck_assert_int_eq(host_address_list(&whole), 0);
	torn = tears[_i];
	error = host_address_list(&own);
	ck_assert_int_eq(error, tears[_i] == UINT_MAX ? -EAGAIN : 0);
	for (size_t i = 0; i < whole.count; i++) {
		torn = tears[_i];
		ck_assert_int_eq(
		    host_address_is(&whole.items[i].base), error ? error : 1);
	}
	if (!error)
		ck_assert_uint_eq(own.count, whole.count);
	torn = 0;
	prefix_list_finish(&whole);
	prefix_list_finish(&own);
}
END_TEST

static const char *const listed[] = { "192.0.2.1", "192.0.2.127", "192.0.2.128",
	"198.51.100.1", "2001:db8::1", "2001:db8:0:1::1" };

static const struct {
	const char *prefix;
	size_t first, count;
} blocks[] = {
	{ "0.0.0.0/0", 0, 4 },
	{ "::/0", 4, 2 },
	{ "192.0.2.0/24", 0, 3 },
	{ "192.0.2.0/25", 0, 2 },
	{ "192.0.2.128", 2, 1 },
	{ "192.0.2.129", 0, 0 },
	{ "10.0.0.0/8", 0, 0 },
	{ "203.0.113.0/24", 0, 0 },
	{ "2001:db8:0:1::/64", 5, 1 },
	{ "2001:db8:1::/48", 0, 0 },
};

START_TEST(all_within_a_block_are_found)
{
	struct prefix_list own = { 0 };
	struct prefix one, block;
	const struct prefix *found;
	size_t count;
	bool masked;

	for (size_t i = 0; i < COUNT(listed); i++) {
		ck_assert_ptr_null(prefix_parse(listed[i], &one, &masked));
		ck_assert_int_eq(prefix_list_add(&own, &one), 0);
	}
	ck_assert_ptr_null(prefix_parse(blocks[_i].prefix, &block, &masked));
	found = host_address_within(&own, &block, &count);
	ck_assert_uint_eq(count, blocks[_i].count);
	if (count > 0)
		ck_assert_ptr_eq(found, own.items + blocks[_i].first);
	prefix_list_finish(&own);
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
	tcase_add_test(own, the_list_has_each_of_them_and_no_other);
	tcase_add_loop_test(
	    own, an_answer_that_lacks_an_address_is_none, 0, COUNT(tears));
	tcase_add_loop_test(
	    own, all_within_a_block_are_found, 0, COUNT(blocks));
	tcase_add_loop_test(own, others_are_not_found, 0, COUNT(others));
	tcase_add_test(own, what_cannot_be_asked_is_no_answer);
	suite_add_tcase(suite, own);
	return suite;
}
