#include "proxy/connection_table.h"

#include <errno.h>
#include <string.h>

#include "base/deadline.h"
#include "proxy/accounts.h"
#include "suite.h"

static struct acl_user user = { .name = "fred", .is_named = true };
static const struct acl acl = { .users = &user, .user_count = 1 };
static struct accounts accounts;
static struct connection_table table;
static const struct service service = {
	.accounts = &accounts,
	.table = &table,
};
static struct account *fred;

/* A connection and what its worker has for it. */
static struct worker {
	struct connection connection;
	struct connection_table_entry entry;
	struct relay relay;
} workers[3];

static void
enter_all(void)
{
	memset(workers, 0, sizeof(workers));
	accounts_init(&accounts);
	connection_table_init(&table);
	fred = accounts_open(&accounts, &acl, &user);
	for (int i = 0; i < COUNT(workers); i++) {
		workers[i].connection.service = &service;
		workers[i].connection.facts.number = (uint64_t)i + 1;
		connection_table_enter(
		    &workers[i].entry, &workers[i].connection);
	}
}

static void
admit(struct worker *worker)
{
	ck_assert(address_parse("192.0.2.1", &worker->connection.facts.source));
	ck_assert_int_eq(
	    connection_table_admit(&worker->connection, fred, 0), 0);
}

static void
establish(struct worker *worker)
{
	admit(worker);
	connection_table_establish(&worker->connection, &worker->relay);
}

static void
check_numbers(const char *expected)
{
	struct connection_table_entry marker;
	struct connection_table_view view;
	char seen[8] = "";

	connection_table_begin(&table, &marker);
	while (connection_table_next(&marker, &view)) {
		size_t len = strlen(seen);

		ck_assert_uint_lt(len, sizeof(seen) - 1);
		seen[len] = (char)('0' + view.facts.number);
	}
	ck_assert_str_eq(seen, expected);
}

static struct connection_table_view
look_at_newest(void)
{
	struct connection_table_entry marker;
	struct connection_table_view newest, other;

	connection_table_begin(&table, &marker);
	ck_assert(connection_table_next(&marker, &newest));
	while (connection_table_next(&marker, &other)) {
	}
	return newest;
}

START_TEST(all_connections_are_shown_the_newest_first)
{
	check_numbers("321");
	check_numbers("321");
	connection_table_leave(&workers[1].connection);
	check_numbers("31");
	connection_table_leave(&workers[2].connection);
	connection_table_leave(&workers[0].connection);
	check_numbers("");
}
END_TEST

/* Connections leave and come while a marker is in the table. */
START_TEST(a_connection_may_leave_next_to_a_marker)
{
	struct connection_table_entry marker, late_entry;
	struct connection late = { .service = &service, .facts.number = 4 };
	struct connection_table_view view;

	connection_table_begin(&table, &marker);
	ck_assert(connection_table_next(&marker, &view));
	connection_table_leave(&workers[2].connection);
	connection_table_leave(&workers[1].connection);
	connection_table_enter(&late_entry, &late);
	ck_assert(connection_table_next(&marker, &view));
	ck_assert_uint_eq(view.facts.number, 1);
	ck_assert(!connection_table_next(&marker, &view));
	check_numbers("41");
}
END_TEST

/* The status waits for a slow client while the main thread samples rates. */
START_TEST(a_walk_passes_the_marker_of_another_one)
{
	struct connection_table_entry marker;
	struct connection_table_view view;

	connection_table_begin(&table, &marker);
	check_numbers("321");
	for (uint64_t number = 3; number > 0; number--) {
		ck_assert(connection_table_next(&marker, &view));
		ck_assert_uint_eq(view.facts.number, number);
		check_numbers("321");
		ck_assert_uint_eq(connection_table_pending(&table), 3);
	}
	ck_assert(!connection_table_next(&marker, &view));
}
END_TEST

START_TEST(the_facts_of_a_connection_are_renewed)
{
	struct worker *worker = &workers[2];
	struct connection_table_view view = look_at_newest();

	ck_assert_str_eq(view.facts.account->name, "-");
	ck_assert_int_eq(view.facts.source.any.sa_family, AF_UNSPEC);
	ck_assert(!view.is_established);
	admit(worker);
	view = look_at_newest();
	ck_assert_ptr_eq(view.facts.account, fred);
	ck_assert_int_eq(view.facts.source.any.sa_family, AF_INET);
	ck_assert_uint_eq(fred->established, 0);
	ck_assert(
	    address_parse("192.0.2.2", &worker->connection.facts.source_used));
	worker->relay.bytes[RELAY_UPSTREAM] = 7;
	worker->relay.finished[RELAY_DOWNSTREAM] = true;
	connection_table_establish(&worker->connection, &worker->relay);
	view = look_at_newest();
	ck_assert(view.is_established);
	ck_assert(view.finished[RELAY_DOWNSTREAM]);
	ck_assert(!view.finished[RELAY_UPSTREAM]);
	ck_assert_uint_eq(view.bytes[RELAY_DOWNSTREAM], 0);
	ck_assert_uint_eq(view.bytes[RELAY_UPSTREAM], 7);
	ck_assert(address_same_host(
	    &view.facts.source_used, &worker->connection.facts.source_used));
	ck_assert_uint_eq(fred->established, 1);
}
END_TEST

START_TEST(a_connection_that_awaits_an_answer_is_not_counted_yet)
{
	struct worker *worker = &workers[2];

	admit(worker);
	worker->relay.answer.is_awaited = true;
	connection_table_establish(&worker->connection, &worker->relay);
	ck_assert_uint_eq(fred->established, 0);
}
END_TEST

START_TEST(idle_is_counted_from_the_last_progress_and_age_from_the_start)
{
	struct connection_table_view view;

	establish(&workers[2]);
	workers[2].entry.began -= 60000;
	workers[2].relay.moved_at = workers[2].entry.began + 50000;
	view = look_at_newest();
	ck_assert_int_ge(view.age_ms, 60000);
	ck_assert_int_eq(view.age_ms - view.idle_ms, 50000);
}
END_TEST

/* For example while the caller waits for the lock. */
START_TEST(a_relay_that_moves_meanwhile_is_stopped_with_all_others)
{
	establish(&workers[2]);
	workers[2].relay.moved_at = deadline_now() + 60000;
	ck_assert_uint_eq(connection_table_stop(&table, 1), 0);
	ck_assert(!workers[2].relay.stopping);
	ck_assert_uint_eq(connection_table_stop(&table, 0), 1);
	ck_assert(workers[2].relay.stopping);
}
END_TEST

/* More than enough to see both sides of a tick of the clock. */
#define LOOKS 300000

static void *
move_on(void *stop)
{
	while (!atomic_load((atomic_bool *)stop))
		atomic_store(&workers[2].relay.moved_at, deadline_now());
	return NULL;
}

START_TEST(a_busy_connection_is_never_idle_for_less_than_nothing)
{
	struct connection_table_entry marker;
	struct connection_table_view view;
	atomic_bool stop = false;
	pthread_t mover;
	int64_t least = 0;

	connection_table_leave(&workers[0].connection);
	connection_table_leave(&workers[1].connection);
	establish(&workers[2]);
	ck_assert_int_eq(pthread_create(&mover, NULL, move_on, &stop), 0);
	for (int i = 0; i < LOOKS && least == 0; i++) {
		connection_table_begin(&table, &marker);
		while (connection_table_next(&marker, &view))
			least = view.idle_ms < least ? view.idle_ms : least;
	}
	atomic_store(&stop, true);
	ck_assert_int_eq(pthread_join(mover, NULL), 0);
	ck_assert_int_eq(least, 0);
}
END_TEST

/* However often the table is walked, and whenever. */
START_TEST(each_byte_is_added_to_the_account_once)
{
	struct worker *worker = &workers[2];

	establish(worker);
	for (int i = 0; i < 3; i++) {
		worker->relay.bytes[RELAY_DOWNSTREAM] += 10;
		worker->relay.bytes[RELAY_UPSTREAM] += 3;
		check_numbers("321");
		check_numbers("321");
		ck_assert_uint_eq(fred->sent, 10 * (unsigned)(i + 1));
		ck_assert_uint_eq(fred->received, 3 * (unsigned)(i + 1));
	}
	worker->relay.bytes[RELAY_UPSTREAM] += 5;
	connection_table_leave(&worker->connection);
	ck_assert_uint_eq(fred->sent, 30);
	ck_assert_uint_eq(fred->received, 14);
}
END_TEST

START_TEST(an_admitted_connection_counts_until_it_leaves)
{
	admit(&workers[0]);
	ck_assert_uint_eq(fred->live, 1);
	ck_assert_int_eq(
	    connection_table_admit(&workers[1].connection, fred, 1), -EDQUOT);
	ck_assert_int_eq(
	    connection_table_admit(&workers[2].connection, fred, 2), 0);
	ck_assert_uint_eq(fred->live, 2);
	for (int i = 0; i < COUNT(workers); i++)
		connection_table_leave(&workers[i].connection);
	ck_assert_uint_eq(fred->live, 0);
	ck_assert_ptr_eq(workers[1].connection.facts.account, fred);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("connection_table");
	TCase *list = tcase_create("list");
	TCase *account = tcase_create("account");

	tcase_add_checked_fixture(list, enter_all, NULL);
	tcase_add_test(list, all_connections_are_shown_the_newest_first);
	tcase_add_test(list, a_connection_may_leave_next_to_a_marker);
	tcase_add_test(list, a_walk_passes_the_marker_of_another_one);
	tcase_add_test(list, the_facts_of_a_connection_are_renewed);
	tcase_add_test(
	    list, a_connection_that_awaits_an_answer_is_not_counted_yet);
	tcase_add_test(list,
	    idle_is_counted_from_the_last_progress_and_age_from_the_start);
	tcase_add_test(
	    list, a_relay_that_moves_meanwhile_is_stopped_with_all_others);
	tcase_add_test(
	    list, a_busy_connection_is_never_idle_for_less_than_nothing);
	suite_add_tcase(suite, list);

	tcase_add_checked_fixture(account, enter_all, NULL);
	tcase_add_test(account, each_byte_is_added_to_the_account_once);
	tcase_add_test(account, an_admitted_connection_counts_until_it_leaves);
	suite_add_tcase(suite, account);
	return suite;
}
