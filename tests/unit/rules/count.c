#include "rules/count.h"

#include <stdlib.h>
#include <string.h>

#include "suite.h"

static struct prefix_list prefixes;

static void
add(const char *text)
{
	struct prefix prefix;
	bool masked;

	ck_assert_ptr_null(prefix_parse(text, &prefix, &masked));
	ck_assert_int_eq(prefix_list_add(&prefixes, &prefix), 0);
}

static char *
print(void)
{
	struct script script = { .prefixes = &prefixes };
	char *text;
	size_t len;

	script.out = open_memstream(&text, &len);
	count_print(&script, 21829);
	fclose(script.out);
	return text;
}

START_TEST(each_prefix_has_a_counter_for_each_direction)
{
	char *text;

	add("198.51.100.0/24");
	add("192.0.2.7");
	add("2001:db8:aaaa::/64");
	text = print();
	ck_assert_ptr_nonnull(
	    strstr(text, "\tcounter sent-2001_db8_aaaa__/64 { }\n"));
	ck_assert_ptr_nonnull(
	    strstr(text, "\tcounter received-192.0.2.7/32 { }\n"));
	ck_assert_ptr_nonnull(strstr(text,
	    "ip daddr map { 198.51.100.0/24 : \"received-198.51.100.0/24\", "
	    "192.0.2.7/32 : \"received-192.0.2.7/32\" }\n"));
	ck_assert_ptr_nonnull(strstr(text,
	    "ip6 saddr map { 2001:db8:aaaa::/64 : "
	    "\"sent-2001_db8_aaaa__/64\" }\n"));
	free(text);
	prefix_list_finish(&prefixes);
}
END_TEST

START_TEST(a_family_without_users_has_no_map)
{
	char *text;

	add("2001:db8:aaaa::/64");
	text = print();
	ck_assert_ptr_null(strstr(text, " ip "));
	free(text);
	prefix_list_finish(&prefixes);
}
END_TEST

static const struct {
	const char *name, *direction, *prefix; /* NULL: not ours */
} names[] = {
	{ "sent-198.51.100.0/24", "sent", "198.51.100.0/24" },
	{ "received-2001_db8_aaaa__/64", "received", "2001:db8:aaaa::/64" },
	{ "other-1", NULL, NULL },
	{ "sent", NULL, NULL },
	{ "", NULL, NULL },
};

START_TEST(prefix_is_found_in_the_name)
{
	char copy[COUNT_COUNTER_LEN];
	const char *direction, *prefix;
	bool is_ours = count_parse(names[_i].name, copy, &direction, &prefix);

	ck_assert_int_eq(is_ours, names[_i].direction != NULL);
	if (!is_ours)
		return;
	ck_assert_str_eq(direction, names[_i].direction);
	ck_assert_str_eq(prefix, names[_i].prefix);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("count");
	TCase *count = tcase_create("count");

	tcase_add_test(count, each_prefix_has_a_counter_for_each_direction);
	tcase_add_test(count, a_family_without_users_has_no_map);
	tcase_add_loop_test(
	    count, prefix_is_found_in_the_name, 0, COUNT(names));
	suite_add_tcase(suite, count);
	return suite;
}
