#include "proxy/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "proxy/connection_log.h"
#include "suite.h"

const struct role server_role = { .downstream = "client" };

/* All logged lines, one after the other. */
static char logged[4096];
static int awaited, lines;

static void __attribute__((format(printf, 1, 0)))
keep(const char *format, va_list arguments)
{
	size_t len = strlen(logged);

	ck_assert_int_eq(awaited, ++lines);
	len += (size_t)vsnprintf(
	    logged + len, sizeof(logged) - len, format, arguments);
	ck_assert_uint_lt(len + 1, sizeof(logged));
	strcpy(logged + len, "\n");
}

#define LOG_FUNCTION(name)                   \
	void name(const char *format, ...)   \
	{                                    \
		va_list arguments;           \
                                             \
		va_start(arguments, format); \
		keep(format, arguments);     \
		va_end(arguments);           \
	}

LOG_FUNCTION(log_answer)
LOG_FUNCTION(log_info)
LOG_FUNCTION(log_error)
LOG_FUNCTION(log_warning)

bool
log_shows_info(void)
{
	return true;
}

bool
log_limit_pass(struct log_limit *limit, unsigned *skipped)
{
	(void)limit;
	*skipped = 0;
	return true;
}

unsigned
log_limit_take(struct log_limit *limit, bool is_end)
{
	(void)limit;
	(void)is_end;
	return 0;
}

/* Called before each line. */
void
log_await(int64_t deadline)
{
	ck_assert_int_gt(deadline, 0);
	awaited++;
}

static struct acl_user user = { .name = "fred", .is_named = true };
static const struct acl acl = { .users = &user, .user_count = 1 };
static struct accounts accounts;
static struct connection_table table;
static const struct service service = {
	.accounts = &accounts,
	.table = &table,
};
static struct connection_table_entry entry;
static struct relay relay;
static struct connection connection;

static void
open_one(void)
{
	accounts_init(&accounts);
	connection_table_init(&table);
	connection =
	    (struct connection){ .service = &service, .facts.number = 7 };
	ck_assert(address_parse("192.0.2.1", &connection.facts.peer));
	connection_table_enter(&entry, &connection);
	ck_assert_int_eq(connection_table_admit(&connection,
			     accounts_open(&accounts, &acl, &user), 0),
	    0);
	connection_table_establish(&connection, &relay);
	relay.bytes[RELAY_DOWNSTREAM] = 10;
	relay.bytes[RELAY_UPSTREAM] = 20;
	relay.moved_at = entry.began;
}

#define NOTHING_REFUSED                                                       \
	"refused=0 incomplete=0 malformed=0 denied=0 limited=0 own_source=0 " \
	"no_source=0 unreachable=0 gone=0 other=0 replay=0 clock=0\n"

START_TEST(accounts_are_shown_with_the_bytes_of_now)
{
	account_refuse(connection.facts.account, REFUSAL_DENIED);
	account_refuse(connection.facts.account, REFUSAL_LIMITED);
	account_refuse(connection.facts.account, REFUSAL_LIMITED);
	status_log_all(&accounts, &table);
	ck_assert_ptr_eq(strstr(logged, "connection id=7 user=fred "), logged);
	ck_assert_str_eq(strchr(logged, '\n') + 1,
	    "user user=- connections=0 established=0 sent=0 "
	    "received=0 " NOTHING_REFUSED
	    "user user=fred connections=1 established=1 sent=10 received=20 "
	    "refused=3 incomplete=0 malformed=0 denied=1 limited=2 "
	    "own_source=0 "
	    "no_source=0 unreachable=0 gone=0 other=0 replay=0 clock=0\n"
	    "reported connections=1 accounts=2\n");
}
END_TEST

START_TEST(accounts_keep_their_counts_without_connections)
{
	connection_table_leave(&connection);
	status_log_all(&accounts, &table);
	ck_assert_str_eq(logged,
	    "user user=- connections=0 established=0 sent=0 "
	    "received=0 " NOTHING_REFUSED
	    "user user=fred connections=0 established=1 sent=10 "
	    "received=20 " NOTHING_REFUSED
	    "reported connections=0 accounts=2\n");
}
END_TEST

START_TEST(at_the_end_established_connections_are_logged_as_closed)
{
	struct connection silent = { .service = &service, .facts.number = 8 };
	struct connection_table_entry silent_entry;

	connection_table_enter(&silent_entry, &silent);
	awaited = -1; /* The connection that is not established has no line. */
	status_log_stopped(&table);
	ck_assert_ptr_eq(strstr(logged, "closed id=7 user=fred "), logged);
	ck_assert_ptr_nonnull(strstr(logged, " sent=10 received=20 "));
	ck_assert_ptr_nonnull(strstr(logged, " end=stopped\n"));
	ck_assert_int_eq(lines, 1);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("status");
	TCase *cases = tcase_create("lines");

	tcase_add_checked_fixture(cases, open_one, NULL);
	tcase_add_test(cases, accounts_are_shown_with_the_bytes_of_now);
	tcase_add_test(cases, accounts_keep_their_counts_without_connections);
	tcase_add_test(
	    cases, at_the_end_established_connections_are_logged_as_closed);
	suite_add_tcase(suite, cases);
	return suite;
}
