#include "net/prefix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#define NO_ADDRESS "this is not an IPv4 or IPv6 address"
#define V4_LENGTH "prefix length is 0 to 32"
#define V6_LENGTH "prefix length is 0 to 128"

static const struct good {
	const char *text, *base;
	unsigned bit_count;
	bool masked;
} good[] = {
	{ "192.0.2.1", "192.0.2.1", 32, false },
	{ "192.0.2.1/32", "192.0.2.1", 32, false },
	{ "192.0.2.1/31", "192.0.2.0", 31, true },
	{ "192.0.2.128/25", "192.0.2.128", 25, false },
	{ "255.255.255.255/9", "255.128.0.0", 9, true },
	{ "255.255.255.255/8", "255.0.0.0", 8, true },
	{ "255.255.255.255/7", "254.0.0.0", 7, true },
	{ "128.0.0.0/1", "128.0.0.0", 1, false },
	{ "127.0.0.0/1", "0.0.0.0", 1, true },
	{ "0.0.0.0/0", "0.0.0.0", 0, false },
	{ "192.0.2.1/0", "0.0.0.0", 0, true },
	{ "2001:db8::1", "2001:db8::1", 128, false },
	{ "2001:db8::1/128", "2001:db8::1", 128, false },
	{ "2001:db8::1/127", "2001:db8::", 127, true },
	{ "2001:db8:aaaa::/64", "2001:db8:aaaa::", 64, false },
	{ "2001:db8:aaaa::1/64", "2001:db8:aaaa::", 64, true },
	{ "2001:db8:ffff::/33", "2001:db8:8000::", 33, true },
	{ "2001:db8:8000::/33", "2001:db8:8000::", 33, false },
	{ "ffff::/9", "ff80::", 9, true },
	{ "ffff::/8", "ff00::", 8, true },
	{ "ffff::/7", "fe00::", 7, true },
	{ "ffff::/1", "8000::", 1, true },
	{ "::/0", "::", 0, false },
	{ "::1/0", "::", 0, true },
};

static const struct good mapped[] = {
	{ "::ffff:192.0.2.1", "192.0.2.1", 32, false },
	{ "::ffff:192.0.2.1/128", "192.0.2.1", 32, false },
	{ "::ffff:192.0.2.0/120", "192.0.2.0", 24, false },
	{ "::ffff:192.0.2.1/120", "192.0.2.0", 24, true },
	{ "::ffff:192.0.2.1/97", "128.0.0.0", 1, true },
	{ "::ffff:0:0/96", "0.0.0.0", 0, false },
	{ "::ffff:192.0.2.1/96", "0.0.0.0", 0, true },
	/* The block holds more than IPv4, so it stays IPv6. */
	{ "::ffff:0:0/95", "::fffe:0:0", 95, true },
	{ "::fffe:0:0/95", "::fffe:0:0", 95, false },
	{ "::192.0.2.0/120", "::192.0.2.0", 120, false },
};

static const struct {
	const char *text, *wrong;
} bad[] = {
	{ "", NO_ADDRESS },
	{ "/", NO_ADDRESS },
	{ "/24", NO_ADDRESS },
	{ "any", NO_ADDRESS },
	{ "192.0.2", NO_ADDRESS },
	{ "192.0.2/24", NO_ADDRESS },
	{ " 192.0.2.0/24", NO_ADDRESS },
	{ "192.0.2.0 /24", NO_ADDRESS },
	{ "[2001:db8::]/32", NO_ADDRESS },
	{ "fe80::1%eth0/64", NO_ADDRESS },
	{ "1111:2222:3333:4444:5555:6666:7777:88888888", NO_ADDRESS },
	{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa/64", NO_ADDRESS },
	{ "192.0.2.0/", V4_LENGTH },
	{ "192.0.2.0/33", V4_LENGTH },
	{ "192.0.2.0/128", V4_LENGTH },
	{ "192.0.2.0/-1", V4_LENGTH },
	{ "192.0.2.0/+8", V4_LENGTH },
	{ "192.0.2.0/ 8", V4_LENGTH },
	{ "192.0.2.0/8 ", V4_LENGTH },
	{ "192.0.2.0/08", V4_LENGTH },
	{ "192.0.2.0/00", V4_LENGTH },
	{ "192.0.2.0/0x8", V4_LENGTH },
	{ "192.0.2.0/8.0", V4_LENGTH },
	{ "192.0.2.0/24/24", V4_LENGTH },
	{ "192.0.2.0/255.255.255.0", V4_LENGTH },
	{ "192.0.2.0/4294967304", V4_LENGTH },
	{ "2001:db8::/129", V6_LENGTH },
	{ "2001:db8::/999", V6_LENGTH },
	{ "2001:db8::/1000", V6_LENGTH },
	{ "2001:db8::/", V6_LENGTH },
	{ "::ffff:192.0.2.0/129", V6_LENGTH },
};

/*
 * Parses a copy that ends where the text does, so that a sanitizer sees a read
 * past it.
 */
static const char *
parse_exactly(const char *text, struct prefix *prefix, bool *masked)
{
	char *copy = strdup(text);
	const char *wrong = prefix_parse(copy, prefix, masked);

	free(copy);
	return wrong;
}

static void
check_good(const struct good *row)
{
	struct prefix prefix;
	bool masked = !row->masked;
	char base[ADDRESS_STRLEN], text[PREFIX_STRLEN], expected[64];

	memset(&prefix, 0xff, sizeof(prefix));
	ck_assert_pstr_eq(parse_exactly(row->text, &prefix, &masked), NULL);
	ck_assert_str_eq(address_format_host(&prefix.base, base), row->base);
	ck_assert_uint_eq(address_port(&prefix.base), 0);
	ck_assert_uint_eq(prefix.bit_count, row->bit_count);
	ck_assert_msg(masked == row->masked, "%s", row->text);
	snprintf(
	    expected, sizeof(expected), "%s/%u", row->base, row->bit_count);
	ck_assert_str_eq(prefix_format(&prefix, text), expected);
}

START_TEST(a_block_is_read_and_its_host_bits_are_cleared)
{
	check_good(&good[_i]);
}
END_TEST

START_TEST(a_mapped_block_becomes_the_ipv4_block_that_it_means)
{
	check_good(&mapped[_i]);
}
END_TEST

START_TEST(what_is_no_block_is_refused_and_changes_nothing)
{
	struct prefix prefix, before;
	bool masked = true;

	memset(&before, 0x5a, sizeof(before));
	prefix = before;
	ck_assert_pstr_eq(
	    parse_exactly(bad[_i].text, &prefix, &masked), bad[_i].wrong);
	ck_assert_mem_eq(&prefix, &before, sizeof(before));
	ck_assert(masked);
}
END_TEST

static bool
contains(const char *block, const char *host, uint16_t port)
{
	struct prefix prefix;
	union address address;
	bool masked;

	ck_assert_pstr_eq(prefix_parse(block, &prefix, &masked), NULL);
	ck_assert(address_parse(host, &address));
	address_set_port(&address, port);
	return prefix_contains(&prefix, &address);
}

/*
 * For each length, and each single bit in which an address differs from the
 * base: the address is inside exactly if the bit is after the prefix.
 */
static void
check_each_bit(const char *base, unsigned bits)
{
	union address inside, outside;
	uint8_t raw[16];
	const uint8_t *given;
	size_t raw_len;

	ck_assert(address_parse(base, &inside));
	given = address_raw(&inside, &raw_len);
	for (unsigned length = 0; length <= bits; length++) {
		struct prefix prefix;
		bool masked;
		char text[64];

		snprintf(text, sizeof(text), "%s/%u", base, length);
		ck_assert_pstr_eq(prefix_parse(text, &prefix, &masked), NULL);
		ck_assert_msg(prefix_contains(&prefix, &inside), "%s", text);
		for (unsigned bit = 0; bit < bits; bit++) {
			memcpy(raw, given, raw_len);
			raw[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			address_from_raw(&outside, raw, raw_len, 0);
			ck_assert_msg(prefix_contains(&prefix, &outside) ==
				(bit >= length),
			    "%s, bit %u", text, bit);
		}
	}
}

START_TEST(each_bit_of_an_ipv4_prefix_counts_and_none_behind_it)
{
	check_each_bit("203.0.113.170", 32);
}
END_TEST

START_TEST(each_bit_of_an_ipv6_prefix_counts_and_none_behind_it)
{
	check_each_bit("2001:db8:5555:aaaa:f0f0:1234:ff:8001", 128);
}
END_TEST

START_TEST(families_never_mix)
{
	ck_assert(!contains("0.0.0.0/0", "::", 0));
	ck_assert(!contains("0.0.0.0/0", "2001:db8::1", 0));
	ck_assert(!contains("::/0", "0.0.0.0", 0));
	ck_assert(!contains("::/0", "192.0.2.1", 0));
	ck_assert(contains("::/0", "2001:db8::1", 0));
	ck_assert(contains("0.0.0.0/0", "192.0.2.1", 0));
	ck_assert(contains("::ffff:0:0/96", "192.0.2.1", 0));
}
END_TEST

START_TEST(a_port_does_not_count)
{
	ck_assert(contains("192.0.2.1", "192.0.2.1", 65535));
	ck_assert(contains("2001:db8::1", "2001:db8::1", 65535));
	ck_assert(!contains("192.0.2.1", "192.0.2.2", 65535));
}
END_TEST

static const struct {
	const char *prefix, *sample, *first;
} samples[] = {
	{ "192.0.2.0/24", "192.0.2.254", "192.0.2.1" },
	{ "10.0.0.0/8", "10.255.255.254", "10.0.0.1" },
	{ "192.0.2.128/30", "192.0.2.130", "192.0.2.129" },
	{ "192.0.2.128/31", "192.0.2.128", "192.0.2.128" },
	{ "192.0.2.7", "192.0.2.7", "192.0.2.7" },
	{ "2001:db8:1:2::/64", "2001:db8:1:2:ffff:ffff:ffff:fffe",
	    "2001:db8:1:2::1" },
	{ "2001:db8::7", "2001:db8::7", "2001:db8::7" },
};

START_TEST(a_sample_is_no_address_that_means_something_else)
{
	struct prefix prefix;
	union address address;
	char text[ADDRESS_STRLEN];
	bool masked;

	ck_assert_ptr_null(prefix_parse(samples[_i].prefix, &prefix, &masked));
	address = prefix_sample(&prefix);
	ck_assert_str_eq(
	    address_format_host(&address, text), samples[_i].sample);
	address = prefix_sample_first(&prefix);
	ck_assert_str_eq(
	    address_format_host(&address, text), samples[_i].first);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("prefix");
	TCase *parse = tcase_create("parse");
	TCase *match = tcase_create("match");

	tcase_add_loop_test(parse,
	    a_block_is_read_and_its_host_bits_are_cleared, 0, COUNT(good));
	tcase_add_loop_test(parse,
	    a_mapped_block_becomes_the_ipv4_block_that_it_means, 0,
	    COUNT(mapped));
	tcase_add_loop_test(parse,
	    what_is_no_block_is_refused_and_changes_nothing, 0, COUNT(bad));
	suite_add_tcase(suite, parse);

	tcase_add_test(
	    match, each_bit_of_an_ipv4_prefix_counts_and_none_behind_it);
	tcase_add_test(
	    match, each_bit_of_an_ipv6_prefix_counts_and_none_behind_it);
	tcase_add_test(match, families_never_mix);
	tcase_add_test(match, a_port_does_not_count);
	tcase_add_loop_test(match,
	    a_sample_is_no_address_that_means_something_else, 0,
	    COUNT(samples));
	suite_add_tcase(suite, match);
	return suite;
}
