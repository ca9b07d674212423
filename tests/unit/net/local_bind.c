#include "net/local_bind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"

#define NO_ADDRESS "this is not an IPv4 or IPv6 address"
#define NO_INTERFACE "the part after the % is not the name of an interface"

static const struct {
	const char *text, *address, *interface;
} good[] = {
	{ "192.0.2.2%eth0", "192.0.2.2", "eth0" },
	{ "192.0.2.2", "192.0.2.2", "" },
	{ "%eth0", "-", "eth0" },
	{ "fe80::1%eth0", "fe80::1", "eth0" },
	{ "2001:db8::2", "2001:db8::2", "" },
	{ "2001:db8::2%wg-1.2_3", "2001:db8::2", "wg-1.2_3" },
	{ "::ffff:192.0.2.2", "192.0.2.2", "" },
	{ "%fifteen-letters", "-", "fifteen-letters" },
};

static const struct {
	const char *text, *wrong;
} bad[] = {
	{ "", "write an address, %interface, or address%interface" },
	{ "eth0", NO_ADDRESS },
	{ "192.0.2", NO_ADDRESS },
	{ "192.0.2.2:80", NO_ADDRESS },
	{ "192.0.2.0/24", NO_ADDRESS },
	{ "[2001:db8::2]", NO_ADDRESS },
	{ " %eth0", NO_ADDRESS },
	{ "eth0%eth0", NO_ADDRESS },
	{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa%eth0",
	    NO_ADDRESS },
	{ "%", NO_INTERFACE },
	{ "192.0.2.2%", NO_INTERFACE },
	{ "%sixteen--letters", NO_INTERFACE },
	{ "%et h0", NO_INTERFACE },
	{ "%et/h0", NO_INTERFACE },
	{ "%eth0\n", NO_INTERFACE },
	{ "192.0.2.2%eth0%x", NO_INTERFACE },
	{ "0.0.0.0", "nobody can send from this address" },
	{ "224.0.0.1%eth0", "nobody can send from this address" },
	{ "ff02::1%eth0", "nobody can send from this address" },
	{ "fe80::1",
	    "a link-local address needs its interface; "
	    "write address%interface" },
};

START_TEST(an_address_and_an_interface_are_told_apart)
{
	struct local_bind local_bind;
	char address[ADDRESS_STRLEN];
	char *copy = strdup(good[_i].text);

	memset(&local_bind, 0, sizeof(local_bind));
	local_bind.marked = true;
	local_bind.mark = 7;
	ck_assert_pstr_eq(local_bind_parse_local(copy, &local_bind), NULL);
	free(copy);
	ck_assert_str_eq(address_format_host(&local_bind.address, address),
	    good[_i].address);
	ck_assert_str_eq(local_bind.interface, good[_i].interface);
	ck_assert(local_bind.marked);
	ck_assert_uint_eq(local_bind.mark, 7);
}
END_TEST

START_TEST(what_is_wrong_is_said_and_nothing_is_changed)
{
	struct local_bind local_bind, before;
	char *copy = strdup(bad[_i].text);

	memset(&before, 0x5a, sizeof(before));
	local_bind = before;
	ck_assert_pstr_eq(
	    local_bind_parse_local(copy, &local_bind), bad[_i].wrong);
	free(copy);
	ck_assert_mem_eq(&local_bind, &before, sizeof(before));
}
END_TEST

static int fd;
static const char *tried;

static void
open_socket(void)
{
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	tried = NULL;
}

static void
close_socket(void)
{
	close(fd);
}

/* The socket is always an AF_INET one, whatever family the call names. */
static int
apply_to(int family, const char *local)
{
	struct local_bind local_bind;

	memset(&local_bind, 0, sizeof(local_bind));
	ck_assert_pstr_eq(local_bind_parse_local(local, &local_bind), NULL);
	return local_bind_apply(&local_bind, fd, family, &tried);
}

static int
apply(const char *local)
{
	return apply_to(AF_INET, local);
}

static void
check_bound(const char *expected)
{
	union address address;
	socklen_t len = sizeof(address);
	char text[ADDRESS_STRLEN];

	ck_assert_int_eq(getsockname(fd, &address.any, &len), 0);
	ck_assert_str_eq(address_format_host(&address, text), expected);
}

START_TEST(nothing_asked_for_changes_nothing)
{
	struct local_bind local_bind;

	memset(&local_bind, 0, sizeof(local_bind));
	ck_assert_int_eq(local_bind_apply(&local_bind, fd, AF_INET, &tried), 0);
	check_bound("0.0.0.0");
}
END_TEST

START_TEST(a_socket_is_bound_to_the_address)
{
	ck_assert_int_eq(apply("127.0.0.1"), 0);
	check_bound("127.0.0.1");
}
END_TEST

START_TEST(an_address_of_another_host_cannot_be_had)
{
	ck_assert_int_eq(apply("198.51.100.77"), -EADDRNOTAVAIL);
	ck_assert_str_eq(tried, "bind to outbound.local_addr");
}
END_TEST

START_TEST(an_address_of_the_other_family_is_refused_as_such)
{
	ck_assert_int_eq(apply("::1"), -EAFNOSUPPORT);
	ck_assert_str_eq(tried, "bind to outbound.local_addr");
	check_bound("0.0.0.0");
	/* The kernel's answer does not matter. */
	ck_assert_int_eq(apply_to(AF_INET6, "127.0.0.1"), -EAFNOSUPPORT);
}
END_TEST

START_TEST(a_socket_is_bound_to_the_interface_and_the_address)
{
	char interface[IF_NAMESIZE] = "";
	socklen_t len = sizeof(interface);

	ck_assert_int_eq(apply("127.0.0.1%lo"), 0);
	ck_assert_int_eq(
	    getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, &len), 0);
	ck_assert_str_eq(interface, "lo");
	check_bound("127.0.0.1");
}
END_TEST

START_TEST(an_interface_that_is_not_there_is_refused_before_the_address)
{
	ck_assert_int_eq(apply("127.0.0.1%no-such-thing"), -ENODEV);
	ck_assert_str_eq(tried, "bind to the interface of outbound.local_addr");
	check_bound("0.0.0.0");
}
END_TEST

/* bind(2) needs the scope in the address, and fails with EINVAL without it. */
START_TEST(a_link_local_address_is_looked_for_on_its_interface)
{
	struct local_bind local_bind;

	memset(&local_bind, 0, sizeof(local_bind));
	close(fd);
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_pstr_eq(
	    local_bind_parse_local("fe80::1:2:3%lo", &local_bind), NULL);
	ck_assert_int_eq(local_bind_apply(&local_bind, fd, AF_INET6, &tried),
	    -EADDRNOTAVAIL);
	ck_assert_str_eq(tried, "bind to outbound.local_addr");
}
END_TEST

START_TEST(a_mark_is_set_or_refused_for_want_of_a_capability)
{
	struct local_bind local_bind;
	uint32_t mark = 0;
	socklen_t len = sizeof(mark);
	int error;

	memset(&local_bind, 0, sizeof(local_bind));
	local_bind.marked = true;
	local_bind.mark = 0xfedcba98;
	error = local_bind_apply(&local_bind, fd, AF_INET, &tried);
	if (error) {
		ck_assert_int_eq(error, -EPERM);
		ck_assert_str_eq(tried, "set outbound.fwmark");
		return;
	}
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &len), 0);
	ck_assert_uint_eq(mark, 0xfedcba98);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("local_bind");
	TCase *parse = tcase_create("parse");
	TCase *use = tcase_create("apply");
	int v6_fd = socket(AF_INET6, SOCK_STREAM, 0);

	tcase_add_loop_test(
	    parse, an_address_and_an_interface_are_told_apart, 0, COUNT(good));
	tcase_add_loop_test(
	    parse, what_is_wrong_is_said_and_nothing_is_changed, 0, COUNT(bad));
	suite_add_tcase(suite, parse);

	tcase_add_checked_fixture(use, open_socket, close_socket);
	tcase_add_test(use, nothing_asked_for_changes_nothing);
	tcase_add_test(use, a_socket_is_bound_to_the_address);
	tcase_add_test(use, an_address_of_another_host_cannot_be_had);
	tcase_add_test(use, an_address_of_the_other_family_is_refused_as_such);
	tcase_add_test(use, a_socket_is_bound_to_the_interface_and_the_address);
	tcase_add_test(
	    use, an_interface_that_is_not_there_is_refused_before_the_address);
	if (v6_fd >= 0 && close(v6_fd) == 0)
		tcase_add_test(
		    use, a_link_local_address_is_looked_for_on_its_interface);
	tcase_add_test(use, a_mark_is_set_or_refused_for_want_of_a_capability);
	suite_add_tcase(suite, use);
	return suite;
}
