#include "kernel/counters.h"

#include "suite.h"

static const char names[] = "TcpExt: SyncookiesSent IPReversePathFilter X\n";
static const char values[] = "TcpExt: 7 18446744073709551615 9\n";

static const struct {
	const char *name;
	uint64_t value; /* 0: it is not there */
} cases[] = {
	{ "TcpExt SyncookiesSent", 7 },
	{ "TcpExt IPReversePathFilter", UINT64_MAX },
	{ "TcpExt X", 9 },
	{ "TcpExt IPReverse", 0 },
	{ "IpExt X", 0 },
	{ "Tcp X", 0 },
};

START_TEST(a_counter_is_found_by_its_kind_and_name)
{
	uint64_t value = 0;

	ck_assert(counters_find(names, values, cases[_i].name, &value) ==
	    (cases[_i].value != 0));
	ck_assert_uint_eq(value, cases[_i].value);
}
END_TEST

START_TEST(a_value_that_is_cut_off_is_none)
{
	uint64_t value;

	ck_assert(!counters_find(names, "TcpExt: 7 ", "TcpExt X", &value));
	ck_assert(!counters_find(names, "", "TcpExt X", &value));
}
END_TEST

START_TEST(the_kernel_counts_what_validation_drops)
{
	uint64_t value;

	ck_assert(counters_read("TcpExt IPReversePathFilter", &value));
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("counters");
	TCase *tcase = tcase_create("counters");

	tcase_add_loop_test(
	    tcase, a_counter_is_found_by_its_kind_and_name, 0, COUNT(cases));
	tcase_add_test(tcase, a_value_that_is_cut_off_is_none);
	tcase_add_test(tcase, the_kernel_counts_what_validation_drops);
	suite_add_tcase(suite, tcase);
	return suite;
}
