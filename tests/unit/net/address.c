#include "net/address.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

char *__real_if_indextoname(unsigned index, char *name);
char *__wrap_if_indextoname(unsigned index, char *name);

/* The kernel allows all of these. */
static const char *const odd_names[] = { "a\"b", "a\\", "a'b", "a;b", "$a",
	"a`b`", "\xe4" };

static const char *if_name; /* NULL: the real one */

/* In place of the C library's, by --wrap: see meson.build. */
char *
__wrap_if_indextoname(unsigned index, char *name)
{
	return if_name ? strcpy(name, if_name)
		       : __real_if_indextoname(index, name);
}

static union address
parsed(const char *text, uint16_t port)
{
	union address address;

	ck_assert_msg(address_parse(text, &address), "%s", text);
	address_set_port(&address, port);
	return address;
}

static const struct good {
	const char *text, *shown;
	sa_family_t family;
} good[] = {
	{ "192.0.2.1", "192.0.2.1", AF_INET },
	{ "0.0.0.0", "0.0.0.0", AF_INET },
	{ "255.255.255.255", "255.255.255.255", AF_INET },
	{ "::", "::", AF_INET6 },
	{ "2001:DB8:0:0::1", "2001:db8::1", AF_INET6 },
	{ "::ffff:192.0.2.1", "::ffff:192.0.2.1", AF_INET6 },
	{ "2001:db8:0:1::192.0.2.1", "2001:db8:0:1::c000:201", AF_INET6 },
};

static const char *const bad[] = {
	"",
	" ",
	"192.0.2",
	"192.0.2.256",
	"192.0.2.1.1",
	"192.0.2.1:80",
	" 192.0.2.1",
	"192.0.2.1 ",
	"192.0.2.01",
	"0x7f.0.0.1",
	"3221225985",
	"[::1]",
	"::1%lo",
	"2001:db8",
	"2001:db8::1::2",
	"12345::",
	"1:2:3:4:5:6:7:8:9",
	"localhost",
	"192.0.2.1/32",
};

START_TEST(digits_of_either_family_are_read)
{
	char text[ADDRESS_STRLEN];
	union address address;

	memset(&address, 0xff, sizeof(address));
	ck_assert(address_parse(good[_i].text, &address));
	ck_assert_int_eq(address.any.sa_family, good[_i].family);
	ck_assert_uint_eq(address_port(&address), 0);
	ck_assert_str_eq(address_format_host(&address, text), good[_i].shown);
}
END_TEST

START_TEST(anything_but_digits_is_no_address)
{
	union address address, before;

	memset(&before, 0x5a, sizeof(before));
	address = before;
	ck_assert_msg(!address_parse(bad[_i], &address), "%s", bad[_i]);
	ck_assert_mem_eq(&address, &before, sizeof(before));
}
END_TEST

START_TEST(raw_bytes_come_back_as_they_were)
{
	static const uint8_t bytes[16] = { 0x20, 0x01, 0x0d, 0xb8, 1, 2, 3, 4,
		5, 6, 7, 8, 9, 10, 11, 12 };
	size_t given_len = _i == 0 ? 4 : 16, raw_len = 0;
	uint8_t *given = malloc(given_len);
	union address address;
	const uint8_t *raw;

	memcpy(given, bytes, given_len);
	address_from_raw(&address, given, given_len, 0x1234);
	free(given);
	raw = address_raw(&address, &raw_len);
	ck_assert_uint_eq(raw_len, given_len);
	ck_assert_mem_eq(raw, bytes, given_len);
	ck_assert_uint_eq(address_port(&address), 0x1234);
	ck_assert_int_eq(
	    address.any.sa_family, given_len == 4 ? AF_INET : AF_INET6);
	ck_assert_uint_eq(address_len(&address),
	    given_len == 4 ? sizeof(address.v4) : sizeof(address.v6));
}
END_TEST

START_TEST(a_port_lies_in_network_order)
{
	union address v4 = parsed("192.0.2.1", 0x1234);
	union address v6 = parsed("2001:db8::1", 0xfffe);

	ck_assert_mem_eq(&v4.v4.sin_port, "\x12\x34", 2);
	ck_assert_mem_eq(&v6.v6.sin6_port, "\xff\xfe", 2);
}
END_TEST

static const struct {
	const char *before, *after;
} unmapped[] = {
	{ "::ffff:192.0.2.1", "192.0.2.1:443" },
	{ "::ffff:0.0.0.0", "0.0.0.0:443" },
	{ "::ffff:ffff:ffff", "255.255.255.255:443" },
	{ "192.0.2.1", "192.0.2.1:443" },
	{ "2001:db8::1", "[2001:db8::1]:443" },
	{ "::192.0.2.1", "[::192.0.2.1]:443" },
	{ "::fffe:192.0.2.1", "[::fffe:c000:201]:443" },
	{ "1::ffff:192.0.2.1", "[1::ffff:c000:201]:443" },
	{ "64:ff9b::192.0.2.1", "[64:ff9b::c000:201]:443" },
};

START_TEST(only_a_mapped_address_becomes_ipv4_and_the_port_stays)
{
	union address address = parsed(unmapped[_i].before, 443);
	char text[ADDRESS_STRLEN];

	address_unmap(&address);
	ck_assert_str_eq(address_format(&address, text), unmapped[_i].after);
}
END_TEST

START_TEST(a_scope_with_an_odd_name_is_shown_by_its_number)
{
	union address address = parsed("fe80::1", 80);
	char text[ADDRESS_STRLEN];

	address.v6.sin6_scope_id = if_nametoindex("lo");
	if_name = odd_names[_i];
	ck_assert_str_eq(address_format_host(&address, text), "fe80::1%1");
	if_name = NULL;
}
END_TEST

START_TEST(an_address_that_is_not_known_is_left_alone_by_unmap)
{
	union address address;

	memset(&address, 0, sizeof(address));
	address.any.sa_family = AF_UNSPEC;
	memcpy(address.v6.sin6_addr.s6_addr + 10, "\xff\xff\1\2\3\4", 6);
	address_unmap(&address);
	ck_assert_int_eq(address.any.sa_family, AF_UNSPEC);
}
END_TEST

START_TEST(the_same_host_is_the_same_on_any_port)
{
	union address a = parsed("2001:db8::1", 1);
	union address b = parsed("2001:db8::1", 2);
	union address c = parsed("2001:db8::2", 1);

	ck_assert(address_same_host(&a, &b));
	ck_assert(!address_equal(&a, &b));
	ck_assert(!address_same_host(&a, &c));
	address_set_port(&b, 1);
	b.v6.sin6_scope_id = 3;
	b.v6.sin6_flowinfo = 4;
	ck_assert(address_equal(&a, &b));
}
END_TEST

START_TEST(ipv4_hosts_differ_in_each_of_their_bytes)
{
	union address a = parsed("192.0.2.1", 80);
	union address b = parsed("192.0.2.1", 80);

	ck_assert(address_equal(&a, &b));
	((uint8_t *)&b.v4.sin_addr)[_i] ^= 1;
	ck_assert(!address_same_host(&a, &b));
	ck_assert(!address_equal(&a, &b));
}
END_TEST

START_TEST(families_are_never_the_same_host)
{
	union address v4 = parsed("0.0.0.0", 80);
	union address any = parsed("::", 80);
	union address mapped = parsed("::ffff:0.0.0.0", 80);

	ck_assert(!address_same_host(&v4, &any));
	ck_assert(!address_same_host(&v4, &mapped));
	ck_assert(!address_equal(&mapped, &v4));
}
END_TEST

static const struct {
	const char *text;
	bool unicast, loopback, unspecified;
} kinds[] = {
	{ "0.0.0.0", false, false, true },
	{ "0.0.0.1", true, false, false },
	{ "126.255.255.255", true, false, false },
	{ "127.0.0.1", true, true, false },
	{ "127.255.255.254", true, true, false },
	{ "128.0.0.0", true, false, false },
	{ "223.255.255.255", true, false, false },
	{ "224.0.0.0", false, false, false },
	{ "239.255.255.255", false, false, false },
	{ "240.0.0.1", true, false, false },
	{ "255.255.255.255", false, false, false },
	{ "::", false, false, true },
	{ "::1", true, true, false },
	{ "::2", true, false, false },
	{ "2001:db8::1", true, false, false },
	{ "fe80::1", true, false, false },
	{ "ff00::", false, false, false },
	{ "ff02::1", false, false, false },
};

START_TEST(an_address_is_known_for_what_it_is)
{
	union address address = parsed(kinds[_i].text, 80);

	ck_assert_msg(address_is_unicast(&address) == kinds[_i].unicast, "%s",
	    kinds[_i].text);
	ck_assert_msg(address_is_loopback(&address) == kinds[_i].loopback, "%s",
	    kinds[_i].text);
	ck_assert_msg(address_is_unspecified(&address) == kinds[_i].unspecified,
	    "%s", kinds[_i].text);
}
END_TEST

static const struct {
	const char *host;
	uint16_t port;
	unsigned scope; /* 0: none; no host has an interface 4294967295 */
	const char *shown;
} shown[] = {
	{ "192.0.2.1", 80, 0, "192.0.2.1:80" },
	{ "255.255.255.255", 65535, 0, "255.255.255.255:65535" },
	{ "192.0.2.1", 0, 0, "192.0.2.1:0" },
	{ "2001:db8::1", 80, 0, "[2001:db8::1]:80" },
	{ "::ffff:192.0.2.1", 80, 0, "[::ffff:192.0.2.1]:80" },
	{ "fe80::1", 65535, UINT32_MAX, "[fe80::1%4294967295]:65535" },
	{ "1111:2222:3333:4444:5555:6666:7777:8888", 65535, UINT32_MAX,
	    "[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]:65535" },
};

/* Formats into a heap block, so that the address sanitizer sees an overrun. */
START_TEST(an_address_is_shown_as_operators_write_it)
{
	union address address = parsed(shown[_i].host, shown[_i].port);
	char *text = malloc(ADDRESS_STRLEN);

	if (shown[_i].scope)
		address.v6.sin6_scope_id = shown[_i].scope;
	ck_assert_ptr_eq(address_format(&address, text), text);
	ck_assert_str_eq(text, shown[_i].shown);
	free(text);
}
END_TEST

START_TEST(a_scope_is_shown_by_the_name_of_its_interface)
{
	union address address = parsed("fe80::1", 80);
	char text[ADDRESS_STRLEN];

	address.v6.sin6_scope_id = if_nametoindex("lo");
	ck_assert_str_eq(address_format(&address, text), "[fe80::1%lo]:80");
	ck_assert_str_eq(address_format_host(&address, text), "fe80::1%lo");
}
END_TEST

START_TEST(an_address_that_is_not_known_is_shown_as_a_dash)
{
	union address address = { .any.sa_family = AF_UNSPEC };
	char text[ADDRESS_STRLEN];

	ck_assert_str_eq(address_format(&address, text), "-");
	ck_assert_str_eq(address_format_host(&address, text), "-");
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("address");
	TCase *text = tcase_create("text");
	TCase *kind = tcase_create("kind");

	tcase_add_loop_test(
	    text, digits_of_either_family_are_read, 0, COUNT(good));
	tcase_add_loop_test(
	    text, anything_but_digits_is_no_address, 0, COUNT(bad));
	tcase_add_loop_test(
	    text, an_address_is_shown_as_operators_write_it, 0, COUNT(shown));
	tcase_add_test(text, a_scope_is_shown_by_the_name_of_its_interface);
	tcase_add_loop_test(text,
	    a_scope_with_an_odd_name_is_shown_by_its_number, 0,
	    COUNT(odd_names));
	tcase_add_test(text, an_address_that_is_not_known_is_shown_as_a_dash);
	suite_add_tcase(suite, text);

	tcase_add_loop_test(kind, raw_bytes_come_back_as_they_were, 0, 2);
	tcase_add_test(kind, a_port_lies_in_network_order);
	tcase_add_loop_test(kind,
	    only_a_mapped_address_becomes_ipv4_and_the_port_stays, 0,
	    COUNT(unmapped));
	tcase_add_test(
	    kind, an_address_that_is_not_known_is_left_alone_by_unmap);
	tcase_add_test(kind, the_same_host_is_the_same_on_any_port);
	tcase_add_loop_test(
	    kind, ipv4_hosts_differ_in_each_of_their_bytes, 0, 4);
	tcase_add_test(kind, families_are_never_the_same_host);
	tcase_add_loop_test(
	    kind, an_address_is_known_for_what_it_is, 0, COUNT(kinds));
	suite_add_tcase(suite, kind);
	return suite;
}
