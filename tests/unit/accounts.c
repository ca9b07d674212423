#include "accounts.h"

#include <pthread.h>
#include <sched.h>

#include "suite.h"

#define THREADS 8
#define ROUNDS 5000

static struct accounts accounts;
static struct account *fred;

static void
open_accounts(void)
{
	accounts_init(&accounts);
	fred = accounts_open(&accounts, "fred");
	ck_assert_ptr_nonnull(fred);
}

START_TEST(an_account_is_found_again_by_its_name)
{
	char name[] = "anna";
	struct account *anna = accounts_open(&accounts, name);

	ck_assert_ptr_ne(anna, fred);
	name[0] = 'x'; /* It may belong to a configuration that is freed. */
	ck_assert_ptr_eq(accounts_open(&accounts, "anna"), anna);
	ck_assert_ptr_eq(accounts_open(&accounts, "fred"), fred);
	ck_assert_str_eq(anna->name, "anna");
}
END_TEST

START_TEST(nobody_comes_first_and_then_all_others_as_they_came)
{
	struct account *anna = accounts_open(&accounts, "anna");
	struct account *nobody = accounts_next(&accounts, NULL);

	ck_assert_str_eq(nobody->name, "-");
	ck_assert_ptr_eq(nobody, accounts_open(&accounts, "-"));
	ck_assert_ptr_eq(accounts_next(&accounts, nobody), fred);
	ck_assert_ptr_eq(accounts_next(&accounts, fred), anna);
	ck_assert_ptr_null(accounts_next(&accounts, anna));
}
END_TEST

START_TEST(nobody_comes_in_above_the_limit)
{
	ck_assert(account_enter(fred, 2));
	ck_assert(account_enter(fred, 2));
	ck_assert(!account_enter(fred, 2));
	account_leave(fred);
	ck_assert(account_enter(fred, 2));
	ck_assert_uint_eq(fred->live, 2);
}
END_TEST

START_TEST(without_a_limit_all_come_in)
{
	for (int i = 0; i < 1000; i++)
		ck_assert(account_enter(fred, 0));
	ck_assert_uint_eq(fred->live, 1000);
}
END_TEST

START_TEST(the_limit_of_one_is_not_that_of_another)
{
	ck_assert(account_enter(fred, 1));
	ck_assert(!account_enter(fred, 1));
	ck_assert(account_enter(accounts_open(&accounts, "anna"), 1));
}
END_TEST

START_TEST(a_limit_below_what_is_there_lets_these_stay)
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
		struct account *account = accounts_open(&accounts, "anna");

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
	ck_assert_uint_eq(accounts_open(&accounts, "anna")->live, 0);
	ck_assert_ptr_null(
	    accounts_next(&accounts, accounts_open(&accounts, "anna")));
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
	tcase_add_test(
	    names, nobody_comes_first_and_then_all_others_as_they_came);
	suite_add_tcase(suite, names);

	tcase_add_checked_fixture(counts, open_accounts, NULL);
	tcase_add_test(counts, nobody_comes_in_above_the_limit);
	tcase_add_test(counts, without_a_limit_all_come_in);
	tcase_add_test(counts, the_limit_of_one_is_not_that_of_another);
	tcase_add_test(counts, a_limit_below_what_is_there_lets_these_stay);
	tcase_add_test(counts, refusals_are_counted_by_their_kind);
	tcase_add_test(
	    counts, many_threads_share_one_account_and_keep_its_limit);
	suite_add_tcase(suite, counts);
	return suite;
}
