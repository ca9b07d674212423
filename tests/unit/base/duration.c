#include "base/duration.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static const struct {
	const char *text;
	int64_t ms;
} good[] = {
	{ "0", 0 },
	{ "+0", 0 },
	{ "0s", 0 },
	{ "0.0h", 0 },
	{ "5m", 300000 },
	{ "+5m", 300000 },
	{ "300s", 300000 },
	{ "300ms", 300 },
	{ "1h30m", 5400000 },
	{ "1.5h", 5400000 },
	{ "1h2m3s4ms", 3723004 },
	{ "3s2m1h", 3723000 },
	{ "1h1h", 7200000 },
	{ ".5s", 500 },
	{ "5.s", 5000 },
	{ "00005s", 5000 },
	{ "0.1s0.2s", 300 },
	{ "0.3s", 300 },
	{ "1us", 1 },
	{ "1ns", 1 },
	{ "0.1ns", 1 },
	{ "999999ns", 1 },
	{ "1000000ns", 1 },
	{ "1000001ns", 2 },
	{ "1500us", 2 },
	{ "2000us", 2 },
	{ "2000\xc2\xb5s", 2 },
	{ "2000\xce\xbcs", 2 },
	{ "1ms1ns", 2 },
	{ "596h", 2145600000 },
	{ "2147483647ms", DURATION_MAX_MS },
	{ "2147483.647s", DURATION_MAX_MS },
	/* Longer than DURATION_MAX_MS, and the longest span of Go. */
	{ "597h", 2149200000 },
	{ "2147483648ms", 2147483648 },
	{ "2147483647ms1ns", 2147483648 },
	{ "300h300h", 2160000000 },
	{ "2562047h", 9223369200000 },
};

static const char *const bad[] = {
	"",
	"+",
	"-",
	".",
	"5",
	"00",
	"0.0",
	"m",
	".s",
	"s5",
	"5 m",
	" 5m",
	"5m ",
	"5M",
	"5min",
	"5sec",
	"5d",
	"5m5",
	"5m 5s",
	"5m,5s",
	"5m+5s",
	"-5m",
	"-1ns",
	"++5m",
	"+-5m",
	"1.2.3s",
	"1e3s",
	"0x5s",
	"1_000s",
	"infs",
	"inf",
	"nans",
	"5\xc2s",
	"5\xb5s",
	"99999999999999999999h",
	"1111111111111111111111111111111111111111111111111111111111111111111111"
	"1111111111111111111111111111111111111111111111111111111111111111111111"
	"1111111111111111111111111111111111111111111111111111111111111111111111"
	"1111111111111111111111111111111111111111111111111111111111111111111111"
	"1111111111111111111111111111111111111111111111111111111111111111111111"
	"ns",
};

/*
 * Parses a copy that ends where the text does, so that a sanitizer sees a read
 * past it.
 */
static bool
parse_exactly(const char *text, int64_t *ms)
{
	char *copy = strdup(text);
	bool parsed = duration_parse(copy, ms);

	free(copy);
	return parsed;
}

START_TEST(a_span_is_read_as_go_does_and_rounded_up)
{
	int64_t ms = -1;

	ck_assert_msg(parse_exactly(good[_i].text, &ms), "%s", good[_i].text);
	ck_assert_msg(
	    ms == good[_i].ms, "%s is %lld ms", good[_i].text, (long long)ms);
}
END_TEST

START_TEST(what_is_no_span_is_refused_and_changes_nothing)
{
	int64_t ms = -1;

	ck_assert_msg(!parse_exactly(bad[_i], &ms), "%s", bad[_i]);
	ck_assert_int_eq(ms, -1);
}
END_TEST

START_TEST(each_whole_millisecond_stays_what_it_is)
{
	char text[32];

	for (int64_t ms = 0; ms < 5000; ms++) {
		int64_t read = -1;

		snprintf(text, sizeof(text), "%d.%03ds", (int)(ms / 1000),
		    (int)(ms % 1000));
		ck_assert(duration_parse(text, &read));
		ck_assert_msg(
		    read == ms, "%s is %lld ms", text, (long long)read);
	}
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("duration");
	TCase *parse = tcase_create("parse");

	tcase_add_loop_test(
	    parse, a_span_is_read_as_go_does_and_rounded_up, 0, COUNT(good));
	tcase_add_loop_test(parse,
	    what_is_no_span_is_refused_and_changes_nothing, 0, COUNT(bad));
	tcase_add_test(parse, each_whole_millisecond_stays_what_it_is);
	suite_add_tcase(suite, parse);
	return suite;
}
