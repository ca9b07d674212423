#include "net/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "suite.h"

#define NO_PORT "the port is missing; write host:port"
#define BAD_PORT "the port must be a number from 1 to 65535"
#define BRACKETS "an IPv6 address must stand in brackets; write [address]:port"
#define NO_HOST "this is neither an address nor a host name"

#define LETTERS_50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define LETTERS_250 LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50

static const struct {
	const char *text, *host;
	uint16_t port;
	const char *address;
} good[] = {
	{ ":80", "", 80, "-" },
	{ "192.0.2.1:21829", "192.0.2.1", 21829, "192.0.2.1:21829" },
	{ "0.0.0.0:80", "0.0.0.0", 80, "0.0.0.0:80" },
	{ "[2001:db8::1]:80", "2001:db8::1", 80, "[2001:db8::1]:80" },
	{ "[::]:1", "::", 1, "[::]:1" },
	{ "[::ffff:192.0.2.1]:80", "::ffff:192.0.2.1", 80, "192.0.2.1:80" },
	{ "[fe80::1%eth0]:80", "fe80::1%eth0", 80, "-" },
	{ "example.net:65535", "example.net", 65535, "-" },
	{ "localhost:9", "localhost", 9, "-" },
	{ LETTERS_250 "12345:80", LETTERS_250 "12345", 80, "-" },
};

static const struct {
	const char *text, *wrong;
} bad[] = {
	{ "", NO_PORT },
	{ "80", NO_PORT },
	{ "192.0.2.1", NO_PORT },
	{ "[2001:db8::1]", NO_PORT },
	{ "[2001:db8::1:80", NO_PORT },
	{ "[:80", NO_PORT },
	{ "[2001:db8::1]80", NO_PORT },
	{ "2001:db8::1:80", BRACKETS },
	{ "::80", BRACKETS },
	{ "http://example.net:80",
	    "write host:port only, without the part before it" },
	{ "192.0.2.256:80", "this is not an IPv4 address" },
	{ "0:80", "this is not an IPv4 address" },
	{ "127.1:80", "this is not an IPv4 address" },
	{ "*:80", NO_HOST },
	{ "[example.net]:80", "only an IPv6 address may stand in brackets" },
	{ "[]:80", "there is no address between the brackets" },
	{ "exa mple.net:80", NO_HOST },
	{ " :80", NO_HOST },
	{ "a\tb:80", NO_HOST },
	{ "a\nb:80", NO_HOST },
	{ "a\rb:80", NO_HOST },
	{ "a\x1b[31mb:80", NO_HOST },
	{ "a\x7f:80", NO_HOST },
	{ "a\xc2\x9b:80", NO_HOST },
	{ "a\"b:80", NO_HOST },
	{ "$(reboot):80", NO_HOST },
	{ "192.0.2.0/24:80", NO_HOST },
	{ "]:80", NO_HOST },
	{ "[[::1]]:80", NO_HOST },
	{ "x[::1]:80", BRACKETS },
	{ "example.net:", BAD_PORT },
	{ "example.net:0", BAD_PORT },
	{ "example.net:65536", BAD_PORT },
	{ "example.net:99999", BAD_PORT },
	{ "example.net:4294967376", BAD_PORT },
	{ "example.net:http", BAD_PORT },
	{ "example.net:-80", BAD_PORT },
	{ "example.net:+80", BAD_PORT },
	{ "example.net: 80", BAD_PORT },
	{ "example.net:80 ", BAD_PORT },
	{ "example.net:80\n", BAD_PORT },
	{ "example.net:0x50", BAD_PORT },
	{ LETTERS_250 "123456:80", "the host name is too long" },
	{ "[" LETTERS_250 "123456]:80", "the host name is too long" },
};

/*
 * Parses a copy that ends where the text does, so that a sanitizer sees a read
 * past it.
 */
static const char *
parse_exactly(const char *text, struct endpoint *endpoint)
{
	char *copy = strdup(text);
	const char *wrong = endpoint_parse(copy, endpoint);

	free(copy);
	return wrong;
}

START_TEST(a_host_and_a_port_are_told_apart)
{
	struct endpoint endpoint;
	char address[ADDRESS_STRLEN];

	memset(&endpoint, 0xff, sizeof(endpoint));
	ck_assert_pstr_eq(parse_exactly(good[_i].text, &endpoint), NULL);
	ck_assert_str_eq(endpoint.host, good[_i].host);
	ck_assert_uint_eq(endpoint.port, good[_i].port);
	ck_assert_str_eq(
	    address_format(&endpoint.address, address), good[_i].address);
}
END_TEST

START_TEST(what_is_wrong_is_said_and_nothing_is_changed)
{
	struct endpoint endpoint, before;

	memset(&before, 0x5a, sizeof(before));
	endpoint = before;
	ck_assert_pstr_eq(
	    parse_exactly(bad[_i].text, &endpoint), bad[_i].wrong);
	ck_assert_mem_eq(&endpoint, &before, sizeof(before));
}
END_TEST

static size_t
resolve(const char *text, union address *addresses)
{
	struct endpoint endpoint;
	size_t count = 99;

	ck_assert_pstr_eq(endpoint_parse(text, &endpoint), NULL);
	ck_assert_pstr_eq(endpoint_resolve(&endpoint, addresses, &count), NULL);
	ck_assert_uint_ge(count, 1);
	ck_assert_uint_le(count, ENDPOINT_MAX_ADDRESSES);
	return count;
}

static const struct {
	const char *text, *address;
} digits[] = {
	{ "192.0.2.1:80", "192.0.2.1:80" },
	{ "[2001:db8::1]:80", "[2001:db8::1]:80" },
	{ "[::ffff:192.0.2.1]:80", "192.0.2.1:80" },
	{ "0.0.0.0:80", "0.0.0.0:80" },
	{ ":80", "[::]:80" },
};

START_TEST(digits_or_no_host_at_all_are_one_address)
{
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	char text[ADDRESS_STRLEN];

	ck_assert_uint_eq(resolve(digits[_i].text, addresses), 1);
	ck_assert_str_eq(
	    address_format(&addresses[0], text), digits[_i].address);
}
END_TEST

START_TEST(a_name_is_asked_of_the_resolver)
{
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	size_t count = resolve("localhost:4711", addresses);

	for (size_t i = 0; i < count; i++) {
		ck_assert(address_is_loopback(&addresses[i]));
		ck_assert_uint_eq(address_port(&addresses[i]), 4711);
	}
}
END_TEST

/* A label of more than 63 letters is refused before any server is asked. */
START_TEST(a_name_without_an_address_has_a_reason)
{
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	struct endpoint endpoint;
	size_t count = 99;
	const char *wrong;

	ck_assert_pstr_eq(
	    endpoint_parse(LETTERS_50 LETTERS_50 ":80", &endpoint), NULL);
	wrong = endpoint_resolve(&endpoint, addresses, &count);
	ck_assert_ptr_nonnull(wrong);
	ck_assert_uint_gt(strlen(wrong), 0);
	ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(an_address_with_a_scope_is_resolved_with_it)
{
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	char text[ADDRESS_STRLEN];

	ck_assert_uint_eq(resolve("[fe80::1%lo]:80", addresses), 1);
	ck_assert_str_eq(
	    address_format(&addresses[0], text), "[fe80::1%lo]:80");
}
END_TEST

START_TEST(each_address_of_a_list_is_there_once_in_its_order)
{
	static const char *const texts[] = { "192.0.2.2:80", "[2001:db8::1]:80",
		LETTERS_50 LETTERS_50 ":80", "192.0.2.1:80",
		"[::ffff:192.0.2.2]:80", "192.0.2.2:81" };
	static const char *const expected[] = { "192.0.2.2:80",
		"[2001:db8::1]:80", "192.0.2.1:80", "192.0.2.2:81" };
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	struct endpoint items[COUNT(texts)];
	struct endpoint_list list = { items, COUNT(texts) };
	char text[ADDRESS_STRLEN];
	size_t count;

	for (size_t i = 0; i < COUNT(texts); i++)
		ck_assert_ptr_null(endpoint_parse(texts[i], &items[i]));
	/* A name without an address does not keep others from being used. */
	ck_assert_ptr_null(endpoint_list_resolve(&list, addresses, &count));
	ck_assert_uint_eq(count, COUNT(expected));
	for (size_t i = 0; i < count; i++)
		ck_assert_str_eq(
		    address_format(&addresses[i], text), expected[i]);
	ck_assert_ptr_eq(endpoint_list_find_name(&list), &items[2]);
}
END_TEST

START_TEST(a_link_local_address_is_another_one_on_each_link)
{
	static const char *const texts[] = { "[fe80::1%1]:80", "[fe80::1%2]:80",
		"[fe80::1%1]:80" };
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	struct endpoint items[COUNT(texts)];
	struct endpoint_list list = { items, COUNT(texts) };
	size_t count;

	for (size_t i = 0; i < COUNT(texts); i++)
		ck_assert_ptr_null(endpoint_parse(texts[i], &items[i]));
	ck_assert_ptr_null(endpoint_list_resolve(&list, addresses, &count));
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(addresses[0].v6.sin6_scope_id, 1);
	ck_assert_uint_eq(addresses[1].v6.sin6_scope_id, 2);
}
END_TEST

START_TEST(a_list_without_an_address_has_the_reason_of_its_first_name)
{
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	struct endpoint item;
	struct endpoint_list list = { &item, 1 };
	size_t count;

	ck_assert_ptr_null(endpoint_parse(LETTERS_50 LETTERS_50 ":80", &item));
	ck_assert_ptr_nonnull(endpoint_list_resolve(&list, addresses, &count));
	ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(an_endpoint_is_written_as_it_was_read)
{
	struct endpoint endpoint;
	char text[ENDPOINT_STRLEN];

	ck_assert_ptr_null(endpoint_parse(good[_i].text, &endpoint));
	ck_assert_str_eq(endpoint_format(&endpoint, text), good[_i].text);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("endpoint");
	TCase *parse = tcase_create("parse");
	TCase *names = tcase_create("resolve");

	tcase_add_loop_test(
	    parse, a_host_and_a_port_are_told_apart, 0, COUNT(good));
	tcase_add_loop_test(
	    parse, what_is_wrong_is_said_and_nothing_is_changed, 0, COUNT(bad));
	tcase_add_loop_test(
	    parse, an_endpoint_is_written_as_it_was_read, 0, COUNT(good));
	suite_add_tcase(suite, parse);

	tcase_add_loop_test(
	    names, digits_or_no_host_at_all_are_one_address, 0, COUNT(digits));
	tcase_add_test(names, a_name_is_asked_of_the_resolver);
	tcase_add_test(names, a_name_without_an_address_has_a_reason);
	tcase_add_test(
	    names, each_address_of_a_list_is_there_once_in_its_order);
	tcase_add_test(names, a_link_local_address_is_another_one_on_each_link);
	tcase_add_test(
	    names, a_list_without_an_address_has_the_reason_of_its_first_name);
	tcase_add_test(names, an_address_with_a_scope_is_resolved_with_it);
	suite_add_tcase(suite, names);
	return suite;
}
