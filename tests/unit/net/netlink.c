#include "net/netlink.h"

#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "suite.h"

#define NUMBER 1
#define NEST 2

static union netlink_message message;

/* A number, and another in a nest. */
static struct netlink_part
make(void)
{
	uint32_t number = 7;
	struct nlattr *nest;

	memset(netlink_begin(&message, 30, 5), 0xaa, 5);
	netlink_add(&message, NUMBER, &number, sizeof(number));
	nest = netlink_nest(&message, NEST);
	number = 8;
	netlink_add(&message, NUMBER, &number, sizeof(number));
	netlink_end_nest(&message, nest);
	return netlink_attributes(&message, 5);
}

static uint32_t
number_in(struct netlink_part part)
{
	uint32_t number = 0;

	part = netlink_find(part, NUMBER, sizeof(number));
	if (part.data)
		memcpy(&number, part.data, sizeof(number));
	return number;
}

START_TEST(what_was_put_in_is_found_again)
{
	struct netlink_part all = make();

	ck_assert_uint_eq(number_in(all), 7);
	ck_assert_uint_eq(number_in(netlink_find(all, NEST, 0)), 8);
	ck_assert_ptr_null(netlink_find(all, 3, 0).data);
}
END_TEST

START_TEST(what_is_shorter_than_expected_is_not_found)
{
	ck_assert_ptr_null(netlink_find(make(), NUMBER, 5).data);
}
END_TEST

START_TEST(nothing_is_read_behind_the_end)
{
	struct netlink_part all = make();
	size_t len = all.len;

	for (all.len = 0; all.len < 8; all.len++)
		ck_assert_uint_eq(number_in(all), 0);
	for (; all.len < len; all.len++)
		ck_assert_ptr_null(netlink_find(all, NEST, 0).data);
	all.len = len;
	ck_assert_ptr_nonnull(netlink_find(all, NEST, 0).data);
}
END_TEST

static void
count(const union netlink_message *answer, void *context)
{
	(void)answer;
	++*(int *)context;
}

START_TEST(all_that_there_is_of_a_kind_is_visited)
{
	union netlink_message question;
	struct rtgenmsg *asked =
	    netlink_begin(&question, RTM_GETLINK, sizeof(struct ifinfomsg));
	int visited = 0;

	asked->rtgen_family = AF_UNSPEC;
	ck_assert_int_eq(netlink_ask_all(NETLINK_ROUTE, &question, RTM_NEWLINK,
			     count, &visited),
	    0);
	/* There is always lo. */
	ck_assert_int_ge(visited, 1);
}
END_TEST

START_TEST(a_kernel_that_refuses_to_list_is_no_empty_list)
{
	union netlink_message question;
	int visited = 0;

	/* There is no such kind. */
	netlink_begin(&question, RTM_MAX + 100, sizeof(struct rtgenmsg));
	ck_assert_int_lt(netlink_ask_all(NETLINK_ROUTE, &question, RTM_NEWLINK,
			     count, &visited),
	    0);
	ck_assert_int_eq(visited, 0);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("netlink");
	TCase *tcase = tcase_create("attributes");
	TCase *lists = tcase_create("lists");

	tcase_add_test(tcase, what_was_put_in_is_found_again);
	tcase_add_test(tcase, what_is_shorter_than_expected_is_not_found);
	tcase_add_test(tcase, nothing_is_read_behind_the_end);
	suite_add_tcase(suite, tcase);

	tcase_add_test(lists, all_that_there_is_of_a_kind_is_visited);
	tcase_add_test(lists, a_kernel_that_refuses_to_list_is_no_empty_list);
	suite_add_tcase(suite, lists);
	return suite;
}
