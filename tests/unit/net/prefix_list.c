#include "net/prefix_list.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "effort.h"
#include "suite.h"

static const struct {
	const char *added, *kept;
} cases[] = {
	{ "", "" },
	{ "192.0.2.1", "192.0.2.1/32" },
	{ "192.0.2.0/24 2001:db8::/64", "192.0.2.0/24 2001:db8::/64" },
	{ "192.0.2.0/24 192.0.2.0/24", "192.0.2.0/24" },
	{ "192.0.2.0/24 192.0.2.128/25", "192.0.2.0/24" },
	{ "192.0.2.128/25 192.0.2.0/24", "192.0.2.0/24" },
	{ "192.0.2.0/25 192.0.2.128/25", "192.0.2.0/25 192.0.2.128/25" },
	{ "192.0.2.1 203.0.113.1 192.0.2.2 192.0.2.0/24",
	    "203.0.113.1/32 192.0.2.0/24" },
	{ "2001:db8::/64 2001:db8::1 2001:db8:0:1::/64 2001:db8::/48",
	    "2001:db8::/48" },
	/* The same bits in the other family. */
	{ "0.0.0.0/1 ::/1 ::/0", "0.0.0.0/1 ::/0" },
};

static void
add_words(struct prefix_list *list, const char *words)
{
	char *text = strdup(words), *rest = text;
	const char *word;

	while ((word = strtok_r(rest, " ", &rest))) {
		struct prefix prefix;
		bool masked;

		ck_assert_ptr_null(prefix_parse(word, &prefix, &masked));
		ck_assert_int_eq(prefix_list_add(list, &prefix), 0);
	}
	free(text);
}

START_TEST(reduced_it_has_no_prefix_that_is_within_another)
{
	struct prefix_list list = { 0 };
	char kept[256] = "", text[PREFIX_STRLEN];

	add_words(&list, cases[_i].added);
	ck_assert_int_eq(prefix_list_reduce(&list), 0);
	for (size_t i = 0; i < list.count; i++) {
		if (i > 0)
			strcat(kept, " ");
		strcat(kept, prefix_format(&list.items[i], text));
	}
	ck_assert_str_eq(kept, cases[_i].kept);
	prefix_list_finish(&list);
	ck_assert_uint_eq(list.count, 0);
}
END_TEST

/* Single addresses, from last to first, after a prefix that contains none. */
static void
reduce_many(unsigned size)
{
	struct prefix_list list = { 0 };
	struct prefix prefix;
	bool masked;

	prefix_parse("192.0.2.0/24", &prefix, &masked);
	prefix_list_add(&list, &prefix);
	prefix_parse("10.0.0.0/32", &prefix, &masked);
	for (unsigned i = size; i > 0; i--) {
		prefix.base.v4.sin_addr.s_addr = htonl(0x0a000000 + i);
		prefix_list_add(&list, &prefix);
	}
	ck_assert_int_eq(prefix_list_reduce(&list), 0);
	ck_assert_uint_eq(list.count, size + 1);
	prefix_list_finish(&list);
}

START_TEST(four_times_the_prefixes_are_no_more_than_six_times_the_work)
{
	double ratio = effort_ratio(reduce_many, 10000, 40000, 6);

	ck_assert_msg(ratio < 6, "%f times as long", ratio);
}
END_TEST

START_TEST(knows_which_families_it_has)
{
	struct prefix_list list = { 0 };

	ck_assert(!prefix_list_has_family(&list, AF_INET));
	add_words(&list, "2001:db8::/64");
	ck_assert(!prefix_list_has_family(&list, AF_INET));
	ck_assert(prefix_list_has_family(&list, AF_INET6));
	add_words(&list, "192.0.2.1");
	ck_assert(prefix_list_has_family(&list, AF_INET));
	add_words(&list, "2001:db8:1::/64");
	prefix_list_remove_family(&list, AF_INET6);
	ck_assert(!prefix_list_has_family(&list, AF_INET6));
	ck_assert_uint_eq(list.count, 1);
	prefix_list_finish(&list);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("prefix_list");
	TCase *tcase = tcase_create("prefix_list");

	tcase_add_loop_test(tcase,
	    reduced_it_has_no_prefix_that_is_within_another, 0, COUNT(cases));
	tcase_add_test(
	    tcase, four_times_the_prefixes_are_no_more_than_six_times_the_work);
	tcase_add_test(tcase, knows_which_families_it_has);
	suite_add_tcase(suite, tcase);
	return suite;
}
