#include "proxy/accounts.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "effort.h"
#include "suite.h"

#define THREADS 8
#define ROUNDS 5000

static struct accounts accounts;
static struct account *fred;

static struct acl_user users[] = {
	{ .name = "acl[0]", .digest = { { 1 } } },
	{ .name = "fred", .is_named = true, .digest = { { 2 } } },
	{ .name = "anna", .is_named = true, .digest = { { 3 } } },
	{ .name = "acl[3]", .digest = { { 4 } } },
};
static const struct acl acl = { .users = users, .user_count = COUNT(users) };

static struct account *
open_account(size_t index)
{
	return accounts_open(&accounts, &acl, &users[index]);
}

static void
open_accounts(void)
{
	accounts_init(&accounts);
	fred = open_account(1);
	ck_assert_ptr_nonnull(fred);
}

static void
assert_called(const struct account *account, const char *expected)
{
	char text[ACCOUNT_STRLEN];

	ck_assert_str_eq(account_format(account, text), expected);
}

START_TEST(an_account_is_found_again_by_its_name)
{
	struct acl_user other = users[1];
	struct acl changed = { .users = &other, .user_count = 1 };

	ck_assert_ptr_ne(open_account(2), fred);
	other.digest.bytes[0] = 9;
	ck_assert_ptr_eq(accounts_open(&accounts, &changed, &other), fred);
	assert_called(fred, "fred");
}
END_TEST

START_TEST(a_user_without_a_name_is_found_again_by_the_auth)
{
	struct account *first = open_account(0), *last = open_account(3);
	struct acl_user others[] = { users[1], users[3], users[0] };
	struct acl changed = { .users = others, .user_count = COUNT(others) };

	ck_assert_ptr_ne(first, last);
	assert_called(first, "acl[0]");
	assert_called(last, "acl[3]");
	accounts_use(&accounts, &changed);
	ck_assert_ptr_eq(accounts_open(&accounts, &changed, &others[2]), first);
	assert_called(first, "acl[2]");
	assert_called(last, "acl[1]");
	assert_called(fred, "fred");
}
END_TEST

START_TEST(a_removed_user_without_a_name_has_no_position)
{
	struct account *first = open_account(0);
	struct acl_user other = { .name = "acl[0]", .digest = { { 5 } } };
	struct acl changed = { .users = &other, .user_count = 1 };

	accounts_use(&accounts, &changed);
	assert_called(first, "acl[-]");
	assert_called(accounts_open(&accounts, &changed, &other), "acl[0]");
	accounts_use(&accounts, &acl);
	assert_called(first, "acl[0]");
}
END_TEST

START_TEST(the_account_of_nobody_is_first_and_others_follow_as_created)
{
	struct account *anna = open_account(2);
	struct account *nobody = accounts_next(&accounts, NULL);

	assert_called(nobody, "-");
	ck_assert_ptr_eq(accounts_next(&accounts, nobody), fred);
	ck_assert_ptr_eq(accounts_next(&accounts, fred), anna);
	ck_assert_ptr_null(accounts_next(&accounts, anna));
}
END_TEST

START_TEST(no_connection_enters_above_the_limit)
{
	ck_assert(account_enter(fred, 2));
	ck_assert(account_enter(fred, 2));
	ck_assert(!account_enter(fred, 2));
	account_leave(fred);
	ck_assert(account_enter(fred, 2));
	ck_assert_uint_eq(fred->live, 2);
}
END_TEST

START_TEST(without_a_limit_all_connections_enter)
{
	for (int i = 0; i < 1000; i++)
		ck_assert(account_enter(fred, 0));
	ck_assert_uint_eq(fred->live, 1000);
}
END_TEST

START_TEST(each_account_has_a_limit_of_its_own)
{
	ck_assert(account_enter(fred, 1));
	ck_assert(!account_enter(fred, 1));
	ck_assert(account_enter(open_account(2), 1));
}
END_TEST

START_TEST(a_lower_limit_does_not_end_connections)
{
	for (int i = 0; i < 5; i++)
		ck_assert(account_enter(fred, 5));
	for (int live = 5; live >= 2; live--) {
		ck_assert(!account_enter(fred, 2));
		ck_assert_uint_eq(fred->live, (unsigned)live);
		account_leave(fred);
	}
	ck_assert(account_enter(fred, 2));
}
END_TEST

START_TEST(refusals_are_counted_by_their_kind)
{
	account_refuse(fred, REFUSAL_LIMITED);
	account_refuse(fred, REFUSAL_LIMITED);
	account_refuse(fred, REFUSAL_OTHER);
	for (int i = 0; i < REFUSAL_COUNT; i++)
		ck_assert_uint_eq(fred->refused[i],
		    i == REFUSAL_LIMITED     ? 2
			: i == REFUSAL_OTHER ? 1
					     : 0);
}
END_TEST

static void *
run_user(void *argument)
{
	bool *too_many = argument;

	for (int i = 0; i < ROUNDS; i++) {
		struct account *account = open_account(2);

		while (!account_enter(account, THREADS / 2))
			sched_yield();
		if (account->live > THREADS / 2)
			*too_many = true;
		account_leave(account);
	}
	return NULL;
}

START_TEST(many_threads_share_one_account_and_keep_its_limit)
{
	pthread_t threads[THREADS];
	bool too_many[THREADS] = { false };

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, run_user, &too_many[i]),
		    0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		ck_assert(!too_many[i]);
	}
	ck_assert_uint_eq(open_account(2)->live, 0);
	ck_assert_ptr_null(accounts_next(&accounts, open_account(2)));
}
END_TEST

/* What a reload does: that many users, half of them with names. */
static void
use_many(unsigned size)
{
	struct acl_user *many = calloc(size, sizeof(*many));
	struct acl large = { .users = many, .user_count = size };
	struct accounts all;
	struct account *account;

	for (unsigned i = 0; i < size; i++) {
		many[i].is_named = i % 2;
		sprintf(many[i].name, "user%u", i);
		digest_compute(&i, sizeof(i), &many[i].digest);
	}
	accounts_init(&all);
	accounts_use(&all, &large);
	accounts_use(&all, &large);
	while ((account = all.nobody.next)) {
		all.nobody.next = account->next;
		free(account);
	}
	digest_index_finish(&all.by_name);
	digest_index_finish(&all.by_auth);
	free(many);
}

START_TEST(four_times_the_users_take_at_most_six_times_the_work)
{
	double ratio = effort_ratio(use_many, 5000, 20000, 6);

	ck_assert_msg(ratio < 6, "%f times as long", ratio);
}
END_TEST

START_TEST(rates_are_of_what_moved_since_the_last_sample)
{
	atomic_store(&fred->sent, 5000);
	accounts_sample(&accounts, 10000);
	ck_assert_uint_eq(fred->sent_rate, 500);
	ck_assert_uint_eq(fred->received_rate, 0);
	atomic_store(&fred->received, 30);
	accounts_sample(&accounts, 2000);
	ck_assert_uint_eq(fred->sent_rate, 0);
	ck_assert_uint_eq(fred->received_rate, 15);
	/* However soon it comes. */
	accounts_sample(&accounts, 0);
	ck_assert_uint_eq(fred->received_rate, 0);
}
END_TEST

START_TEST(who_is_refused_was_seen_too)
{
	struct account *anna = open_account(2);

	ck_assert_int_eq(fred->seen_at, 0);
	account_refuse(fred, REFUSAL_DENIED);
	ck_assert_int_gt(fred->seen_at, 0);
	ck_assert(account_enter(anna, 0));
	ck_assert_int_gt(anna->seen_at, 0);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("accounts");
	TCase *names = tcase_create("names");
	TCase *counts = tcase_create("counts");

	tcase_add_checked_fixture(names, open_accounts, NULL);
	tcase_add_test(names, an_account_is_found_again_by_its_name);
	tcase_add_test(names, a_user_without_a_name_is_found_again_by_the_auth);
	tcase_add_test(names, a_removed_user_without_a_name_has_no_position);
	tcase_add_test(
	    names, the_account_of_nobody_is_first_and_others_follow_as_created);
	tcase_add_test(
	    names, four_times_the_users_take_at_most_six_times_the_work);
	suite_add_tcase(suite, names);

	tcase_add_checked_fixture(counts, open_accounts, NULL);
	tcase_add_test(counts, no_connection_enters_above_the_limit);
	tcase_add_test(counts, without_a_limit_all_connections_enter);
	tcase_add_test(counts, each_account_has_a_limit_of_its_own);
	tcase_add_test(counts, a_lower_limit_does_not_end_connections);
	tcase_add_test(counts, refusals_are_counted_by_their_kind);
	tcase_add_test(
	    counts, many_threads_share_one_account_and_keep_its_limit);
	tcase_add_test(counts, rates_are_of_what_moved_since_the_last_sample);
	tcase_add_test(counts, who_is_refused_was_seen_too);
	suite_add_tcase(suite, counts);
	return suite;
}
