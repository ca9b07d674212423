#include "firewall/value.h"

#include "suite.h"

static struct value
make(uint64_t bits, uint64_t unknown)
{
	return (struct value){ .bits = { 0, bits }, .unknown = { 0, unknown } };
}

static const struct {
	uint64_t from, to, bits, unknown;
	enum truth truth;
} holds[] = {
	{ 5, 5, 5, 0, TRUTH_YES },
	{ 5, 5, 6, 0, TRUTH_NO },
	{ 5, 7, 6, 0, TRUTH_YES },
	{ 5, 7, 8, 0, TRUTH_NO },
	{ 5, 5, 4, 1, TRUTH_MAYBE },
	{ 5, 5, 4, 2, TRUTH_NO },
	{ 4, 5, 4, 1, TRUTH_YES },
	{ 4, 6, 4, 8, TRUTH_MAYBE },
	{ 0, UINT64_MAX, 0, UINT64_MAX, TRUTH_YES },
	{ 1, UINT64_MAX, 0, UINT64_MAX, TRUTH_MAYBE },
};

START_TEST(a_range_holds_a_value_with_unknown_bits_perhaps)
{
	const struct range range = { .from = { 0, holds[_i].from },
		.to = { 0, holds[_i].to } };
	struct value value = make(holds[_i].bits, holds[_i].unknown);

	ck_assert_int_eq(range_holds(&range, &value), holds[_i].truth);
}
END_TEST

/* Each operation, with a bit that is 0, 1 or unknown on either side. */
START_TEST(a_bit_is_unknown_only_if_both_its_values_are_possible)
{
	static const char operations[] = "&|^";

	for (uint64_t a = 0; a < 3; a++) {
		for (uint64_t b = 0; b < 3; b++) {
			struct value result = value_combine(operations[_i],
			    make(a == 1, a == 2), make(b == 1, b == 2));
			bool can[2] = { false, false };

			for (uint64_t i = 0; i < 4; i++) {
				uint64_t x = i & 1, y = i >> 1;

				if ((a != 2 && x != a) || (b != 2 && y != b))
					continue;
				can[_i == 0       ? x & y
					: _i == 1 ? x | y
						  : x ^ y] = true;
			}
			ck_assert_uint_eq(result.unknown[1], can[0] && can[1]);
			ck_assert_uint_eq(result.bits[1], can[1] && !can[0]);
		}
	}
}
END_TEST

static const struct {
	const char *prefix, *inside, *outside;
} prefixes[] = {
	{ "192.0.2.0/24", "192.0.2.255", "192.0.3.0" },
	{ "0.0.0.0/0", "255.255.255.255", "2001:db8::" },
	{ "::ffff:192.0.2.0/120", "::ffff:192.0.2.1", "192.0.2.1" },
	{ "192.0.2.1", "192.0.2.1", "192.0.2.2" },
	{ "2001:db8::/32", "2001:db8:ffff::1", "2001:db9::" },
	{ "2001:db8::/65", "2001:db8::7fff:0:0:1", "2001:db8::8000:0:0:0" },
	{ "8000::/1", "ffff::1", "7fff::" },
};

START_TEST(a_prefix_is_a_range)
{
	struct range range;
	union address address;
	struct value value;

	range_parse(prefixes[_i].prefix, &range);
	ck_assert(address_parse(prefixes[_i].inside, &address));
	value = value_of_address(&address);
	ck_assert_int_eq(range_holds(&range, &value), TRUTH_YES);
	ck_assert(address_parse(prefixes[_i].outside, &address));
	value = value_of_address(&address);
	ck_assert_int_eq(range_holds(&range, &value), TRUTH_NO);
}
END_TEST

START_TEST(a_star_stands_for_any_rest_of_a_name)
{
	struct range range;
	struct value eth0 = value_of_name("eth0"), wg0 = value_of_name("wg0");

	range_parse("et*", &range);
	ck_assert_int_eq(range_holds(&range, &eth0), TRUTH_YES);
	ck_assert_int_eq(range_holds(&range, &wg0), TRUTH_NO);
	range_parse("eth", &range);
	ck_assert_int_eq(range_holds(&range, &eth0), TRUTH_NO);
}
END_TEST

/* A word that this program cannot read may stand for any number. */
START_TEST(values_of_two_kinds_may_be_equal)
{
	static const char *const texts[] = { "name", "192.0.2.1",
		"192.0.2.0/255.0.0.255", "5" };
	struct value value = value_of_number(5);
	struct range range;

	range_parse(texts[_i], &range);
	ck_assert_int_eq(
	    range_holds(&range, &value), _i == 3 ? TRUTH_YES : TRUTH_MAYBE);
}
END_TEST

START_TEST(one_of_two_values_leaves_their_common_bits)
{
	struct value either =
	    value_either(value_of_number(0xf5), value_of_number(5));

	ck_assert_uint_eq(either.bits[1], 5);
	ck_assert_uint_eq(either.unknown[1], 0xf0);
	either = value_either(value_of_number(5), value_absent);
	ck_assert(!value_is_known(&either));
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("value");
	TCase *tcase = tcase_create("bits");

	tcase_add_loop_test(tcase,
	    a_range_holds_a_value_with_unknown_bits_perhaps, 0, COUNT(holds));
	tcase_add_loop_test(
	    tcase, a_bit_is_unknown_only_if_both_its_values_are_possible, 0, 3);
	tcase_add_loop_test(tcase, a_prefix_is_a_range, 0, COUNT(prefixes));
	tcase_add_test(tcase, a_star_stands_for_any_rest_of_a_name);
	tcase_add_loop_test(tcase, values_of_two_kinds_may_be_equal, 0, 4);
	tcase_add_test(tcase, one_of_two_values_leaves_their_common_bits);
	suite_add_tcase(suite, tcase);
	return suite;
}
