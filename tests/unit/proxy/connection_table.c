#include "proxy/connection_table.h"

#include <errno.h>
#include <string.h>

#include "proxy/accounts.h"
#include "suite.h"

static struct acl_user user = { .name = "fred", .is_named = true };
static const struct acl acl = { .users = &user, .user_count = 1 };
static struct accounts accounts;
static struct roster roster;
static struct account *fred;

/* A connection as its worker has it. */
static struct visit {
	struct connection connection;
	struct roster_entry entry;
	struct relay relay;
} visits[3];

static void
open_roster(void)
{
	memset(visits, 0, sizeof(visits));
	accounts_init(&accounts);
	roster_init(&roster);
	fred = accounts_open(&accounts, &acl, &user);
	for (int i = 0; i < COUNT(visits); i++) {
		visits[i].connection.accounts = &accounts;
		visits[i].connection.number = (uint64_t)i + 1;
		roster_enter(&roster, &visits[i].entry, &visits[i].connection);
	}
}

static void
admit(struct visit *visit)
{
	ck_assert(address_parse("192.0.2.1", &visit->connection.source));
	ck_assert_int_eq(roster_admit(&visit->connection, fred, 0), 0);
}

static void
establish(struct visit *visit)
{
	admit(visit);
	roster_establish(&visit->connection, &visit->relay);
}

static void
check_numbers(const char *expected)
{
	struct roster_entry marker;
	struct roster_sight sight;
	char seen[8] = "";

	roster_begin(&roster, &marker);
	while (roster_next(&marker, &sight)) {
		size_t len = strlen(seen);

		ck_assert_uint_lt(len, sizeof(seen) - 1);
		seen[len] = (char)('0' + sight.connection.number);
	}
	ck_assert_str_eq(seen, expected);
}

static struct roster_sight
look_at_newest(void)
{
	struct roster_entry marker;
	struct roster_sight newest, other;

	roster_begin(&roster, &marker);
	ck_assert(roster_next(&marker, &newest));
	while (roster_next(&marker, &other)) {
	}
	return newest;
}

START_TEST(all_who_are_there_are_shown_and_the_newest_first)
{
	check_numbers("321");
	check_numbers("321");
	roster_leave(&visits[1].connection);
	check_numbers("31");
	roster_leave(&visits[2].connection);
	roster_leave(&visits[0].connection);
	check_numbers("");
}
END_TEST

/* Those that leave and come while somebody looks. */
START_TEST(one_may_leave_next_to_whoever_looks)
{
	struct roster_entry marker, late_entry;
	struct connection late = { .accounts = &accounts, .number = 4 };
	struct roster_sight sight;

	roster_begin(&roster, &marker);
	ck_assert(roster_next(&marker, &sight));
	roster_leave(&visits[2].connection);
	roster_leave(&visits[1].connection);
	roster_enter(&roster, &late_entry, &late);
	ck_assert(roster_next(&marker, &sight));
	ck_assert_uint_eq(sight.connection.number, 1);
	ck_assert(!roster_next(&marker, &sight));
	check_numbers("41");
}
END_TEST

START_TEST(what_is_known_grows_with_the_connection)
{
	struct visit *visit = &visits[2];
	struct roster_sight sight = look_at_newest();

	ck_assert_str_eq(sight.connection.account->name, "-");
	ck_assert_int_eq(sight.connection.source.any.sa_family, AF_UNSPEC);
	ck_assert(!sight.is_established);
	admit(visit);
	sight = look_at_newest();
	ck_assert_ptr_eq(sight.connection.account, fred);
	ck_assert_int_eq(sight.connection.source.any.sa_family, AF_INET);
	ck_assert_uint_eq(fred->established, 0);
	ck_assert(address_parse("192.0.2.2", &visit->connection.source_used));
	visit->relay.bytes[RELAY_UPSTREAM] = 7;
	visit->relay.finished[RELAY_DOWNSTREAM] = true;
	roster_establish(&visit->connection, &visit->relay);
	sight = look_at_newest();
	ck_assert(sight.is_established);
	ck_assert(sight.finished[RELAY_DOWNSTREAM]);
	ck_assert(!sight.finished[RELAY_UPSTREAM]);
	ck_assert_uint_eq(sight.bytes[RELAY_DOWNSTREAM], 0);
	ck_assert_uint_eq(sight.bytes[RELAY_UPSTREAM], 7);
	ck_assert(address_same_host(
	    &sight.connection.source_used, &visit->connection.source_used));
	ck_assert_uint_eq(fred->established, 1);
}
END_TEST

START_TEST(idle_is_counted_from_the_last_progress_and_age_from_the_start)
{
	struct roster_sight sight;

	establish(&visits[2]);
	visits[2].entry.began -= 60000;
	visits[2].relay.moved_at = visits[2].entry.began + 50000;
	sight = look_at_newest();
	ck_assert_int_ge(sight.age_ms, 60000);
	ck_assert_int_eq(sight.age_ms - sight.idle_ms, 50000);
}
END_TEST

/* However often somebody looks, and at whatever times. */
START_TEST(each_byte_is_added_to_the_account_once)
{
	struct visit *visit = &visits[2];

	establish(visit);
	for (int i = 0; i < 3; i++) {
		visit->relay.bytes[RELAY_DOWNSTREAM] += 10;
		visit->relay.bytes[RELAY_UPSTREAM] += 3;
		check_numbers("321");
		check_numbers("321");
		ck_assert_uint_eq(fred->sent, 10 * (unsigned)(i + 1));
		ck_assert_uint_eq(fred->received, 3 * (unsigned)(i + 1));
	}
	visit->relay.bytes[RELAY_UPSTREAM] += 5;
	roster_leave(&visit->connection);
	ck_assert_uint_eq(fred->sent, 30);
	ck_assert_uint_eq(fred->received, 14);
}
END_TEST

START_TEST(a_place_is_taken_by_who_is_admitted_and_given_back_once)
{
	admit(&visits[0]);
	ck_assert_uint_eq(fred->live, 1);
	ck_assert_int_eq(roster_admit(&visits[1].connection, fred, 1), -EDQUOT);
	ck_assert_int_eq(roster_admit(&visits[2].connection, fred, 2), 0);
	ck_assert_uint_eq(fred->live, 2);
	for (int i = 0; i < COUNT(visits); i++)
		roster_leave(&visits[i].connection);
	ck_assert_uint_eq(fred->live, 0);
	ck_assert_ptr_eq(visits[1].connection.account, fred);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("roster");
	TCase *list = tcase_create("list");
	TCase *account = tcase_create("account");

	tcase_add_checked_fixture(list, open_roster, NULL);
	tcase_add_test(list, all_who_are_there_are_shown_and_the_newest_first);
	tcase_add_test(list, one_may_leave_next_to_whoever_looks);
	tcase_add_test(list, what_is_known_grows_with_the_connection);
	tcase_add_test(list,
	    idle_is_counted_from_the_last_progress_and_age_from_the_start);
	suite_add_tcase(suite, list);

	tcase_add_checked_fixture(account, open_roster, NULL);
	tcase_add_test(account, each_byte_is_added_to_the_account_once);
	tcase_add_test(
	    account, a_place_is_taken_by_who_is_admitted_and_given_back_once);
	suite_add_tcase(suite, account);
	return suite;
}
