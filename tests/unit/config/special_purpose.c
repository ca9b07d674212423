#include "config/special_purpose.h"

#include <string.h>

#include "suite.h"

static const char *
find(const char *text, unsigned *bit_count)
{
	union address address;

	ck_assert_msg(address_parse(text, &address), "%s", text);
	address_set_port(&address, 80);
	return special_purpose_find(&address, bit_count);
}

/* The ends of each block, and how long a prefix for it is at least. */
static const struct {
	const char *address, *begins;
	unsigned bit_count;
} special[] = {
	{ "0.0.0.0", "unspecified", 8 },
	{ "0.255.255.255", "unspecified", 8 },
	{ "127.0.0.0", "loopback", 8 },
	{ "127.0.0.1", "loopback", 8 },
	{ "127.255.255.255", "loopback", 8 },
	{ "169.254.0.0", "link-local", 16 },
	{ "169.254.169.254", "link-local", 16 },
	{ "169.254.255.255", "link-local", 16 },
	{ "100.80.80.80", "cloud metadata", 32 },
	{ "100.96.0.96", "cloud metadata", 32 },
	{ "100.100.100.200", "cloud metadata", 32 },
	{ "168.63.129.16", "cloud metadata", 32 },
	{ "192.0.0.192", "cloud metadata", 32 },
	{ "224.0.0.0", "multicast", 4 },
	{ "239.255.255.255", "multicast", 4 },
	{ "240.0.0.0", "reserved", 4 },
	{ "255.255.255.254", "reserved", 4 },
	{ "255.255.255.255", "broadcast", 32 },
	{ "::", "unspecified", 128 },
	{ "::1", "loopback", 128 },
	{ "::2", "IPv4-compatible", 96 },
	{ "::127.0.0.1", "IPv4-compatible", 96 },
	{ "::203.0.113.5", "IPv4-compatible", 96 },
	{ "fe80::", "link-local", 10 },
	{ "febf:ffff::1", "link-local", 10 },
	{ "fd00:ec2::254", "cloud metadata", 32 },
	{ "fd00:ec2::23", "cloud metadata", 32 },
	{ "fd00:42::42", "cloud metadata", 128 },
	{ "fd00:c1::a9fe:a9fe", "cloud metadata", 128 },
	{ "fd00:100::100:200", "cloud metadata", 128 },
	{ "fd00:a9fe:a9fe::1", "cloud metadata", 128 },
	{ "fd20:ce::254", "cloud metadata", 128 },
	{ "fe80::a9fe:a9fe", "link-local", 10 },
	{ "ff00::", "multicast", 8 },
	{ "ff02::1", "multicast", 8 },
	{ "ffff:ffff::1", "multicast", 8 },
	{ "64:ff9b:1::203.0.113.5", "local-use NAT64", 48 },
	{ "64:ff9b::127.0.0.1", "loopback", 96 + 8 },
	{ "64:ff9b::169.254.169.254", "link-local", 96 + 16 },
	{ "64:ff9b::255.255.255.255", "broadcast", 96 + 32 },
	{ "64:ff9b::100.100.100.200", "cloud metadata", 96 + 32 },
	{ "64:ff9b::192.0.0.192", "cloud metadata", 96 + 32 },
	{ "::ffff:0:168.63.129.16", "cloud metadata", 96 + 32 },
	{ "2002:c000:c0::1", "cloud metadata", 16 + 32 },
	{ "::ffff:0:127.0.0.1", "loopback", 96 + 8 },
	{ "2002:7f00:1::1", "loopback", 16 + 8 },
	{ "2002:a9fe:a9fe::", "link-local", 16 + 16 },
	{ "2002::", "unspecified", 16 + 8 },
};

START_TEST(what_means_the_host_or_its_surroundings_is_special)
{
	unsigned bit_count = 0;
	const char *reason = find(special[_i].address, &bit_count);

	ck_assert_ptr_nonnull(reason);
	ck_assert_msg(strstr(reason, special[_i].begins) == reason, "%s: %s",
	    special[_i].address, reason);
	ck_assert_uint_eq(bit_count, special[_i].bit_count);
}
END_TEST

/* The neighbours of the blocks among them, and private networks. */
static const char *const usual[] = {
	"1.0.0.0",
	"126.255.255.255",
	"128.0.0.0",
	"169.253.255.255",
	"169.255.0.0",
	"100.100.100.199",
	"100.100.100.201",
	"168.63.129.15",
	"168.63.129.17",
	"223.255.255.255",
	"10.0.0.1",
	"100.64.0.1",
	"172.16.0.1",
	"192.168.0.1",
	"203.0.113.255",
	"::1:0:0",
	"fe7f:ffff::1",
	"fec0::1",
	"fd00:ec1:ffff::1",
	"fd00:ec3::1",
	"fd20:ce::253",
	"fd20:ce::255",
	"fc00::1",
	"feff:ffff::1",
	"64:ff9b:0:ffff::1",
	"64:ff9b:2::7f00:1",
	"64:ff9b::203.0.113.5",
	"64:ff9b::10.0.0.1",
	"::ffff:0:203.0.113.5",
	"::fffe:0:127.0.0.1",
	"2002:cb00:7105::1",
	"2001:7f00:1::1",
	"2003:7f00:1::1",
	"2001:db8::127.0.0.1",
};

START_TEST(all_others_are_not)
{
	unsigned bit_count = 0;
	const char *reason = find(usual[_i], &bit_count);

	ck_assert_msg(!reason, "%s: %s", usual[_i], reason);
	ck_assert_uint_eq(bit_count, 0);
}
END_TEST

START_TEST(the_reason_names_the_block_and_the_key)
{
	unsigned bit_count;

	ck_assert_str_eq(find("127.1.2.3", &bit_count),
	    "loopback destinations (127.0.0.0/8) must be named in "
	    "allowed_dst_ips");
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("special");
	TCase *addresses = tcase_create("addresses");

	tcase_add_loop_test(addresses,
	    what_means_the_host_or_its_surroundings_is_special, 0,
	    COUNT(special));
	tcase_add_loop_test(addresses, all_others_are_not, 0, COUNT(usual));
	tcase_add_test(addresses, the_reason_names_the_block_and_the_key);
	suite_add_tcase(suite, addresses);
	return suite;
}
