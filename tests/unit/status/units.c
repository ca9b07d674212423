#include "status/units.h"

#include "suite.h"

static const struct {
	int64_t value;
	const char *text;
} bytes[] = {
	{ 0, "0 B" },
	{ 1023, "1023 B" },
	{ 1024, "1.0 KiB" },
	{ 1536, "1.5 KiB" },
	{ 1024 * 1024 - 1, "1.0 MiB" },
	{ INT64_C(1) << 30, "1.0 GiB" },
	{ INT64_MAX, "8.0 EiB" },
}, ages[] = {
	{ -5, "0s" },
	{ 59, "59s" },
	{ 60, "1m 0s" },
	{ 3599, "59m 59s" },
	{ 3600, "1h 0m" },
	{ 86399, "23h 59m" },
	{ 86400 * 3 + 3600 * 4, "3d 4h" },
}, rates[] = {
	{ -1, "-" },
	{ 0, "-" },
	{ 1, "1 B/s" },
	{ 2048, "2.0 KiB/s" },
};

START_TEST(bytes_have_the_largest_unit_that_fits)
{
	char text[UNITS_STRLEN];

	ck_assert_str_eq(units_bytes(bytes[_i].value, text), bytes[_i].text);
}
END_TEST

START_TEST(ages_have_two_units)
{
	char text[UNITS_STRLEN];

	ck_assert_str_eq(units_age(ages[_i].value, text), ages[_i].text);
}
END_TEST

START_TEST(rates_of_nothing_are_a_dash)
{
	char text[UNITS_STRLEN];

	ck_assert_str_eq(units_rate(rates[_i].value, text), rates[_i].text);
}
END_TEST

START_TEST(what_never_was_is_not_long_ago)
{
	char text[UNITS_STRLEN];

	ck_assert_str_eq(units_ago(1000, 0, text), "never");
	ck_assert_str_eq(units_ago(1000, 988, text), "12s ago");
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("units");
	TCase *units = tcase_create("units");

	tcase_add_loop_test(
	    units, bytes_have_the_largest_unit_that_fits, 0, COUNT(bytes));
	tcase_add_loop_test(units, ages_have_two_units, 0, COUNT(ages));
	tcase_add_loop_test(
	    units, rates_of_nothing_are_a_dash, 0, COUNT(rates));
	tcase_add_test(units, what_never_was_is_not_long_ago);
	suite_add_tcase(suite, units);
	return suite;
}
