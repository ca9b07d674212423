#include "proxy/connection_log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "proxy/accounts.h"
#include "suite.h"

const struct role client_role = { .downstream = "user", .upstream = "server" };
const struct role server_role = { .downstream = "client",
	.upstream = "destination" };

/* The log. It keeps only the last line, with its level in front. */
static char line[8192];
static int line_count;
static bool limit_reached;
static const struct log_limit *limit_asked;
static unsigned limit_skipped;
static bool info_is_hidden;

static void __attribute__((format(printf, 2, 0)))
keep(const char *level, const char *format, va_list arguments)
{
	int len = sprintf(line, "%s ", level);

	vsnprintf(line + len, sizeof(line) - (size_t)len, format, arguments);
	line_count++;
}

void
log_info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	keep("info", format, arguments);
	va_end(arguments);
}

bool
log_shows_info(void)
{
	return !info_is_hidden;
}

void
log_answer(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	keep("answer", format, arguments);
	va_end(arguments);
}

void
log_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	keep("error", format, arguments);
	va_end(arguments);
}

void
log_warning(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	keep("warning", format, arguments);
	va_end(arguments);
}

unsigned
log_limit_take(struct log_limit *limit, bool is_end)
{
	unsigned skipped = is_end ? limit->skipped : 0;

	limit->skipped -= skipped;
	return skipped;
}

bool
log_limit_pass(struct log_limit *limit, unsigned *skipped)
{
	limit_asked = limit;
	*skipped = limit_skipped;
	return !limit_reached;
}

static void
set_address(union address *address, const char *host, uint16_t port)
{
	ck_assert(address_parse(host, address));
	address_set_port(address, port);
}

static struct service service;
static struct connection connection;
static struct account nobody = { .name = "-" }, fred = { .name = "fred" };

/* Only the peer is known. */
static void
open_connection(void)
{
	memset(&connection, 0, sizeof(connection));
	service.role = &server_role;
	connection.service = &service;
	connection.facts.account = &nobody;
	connection.facts.number = 7;
	set_address(&connection.facts.peer, "192.0.2.1", 40000);
	connection.facts.source.any.sa_family = AF_UNSPEC;
	connection.facts.source_used.any.sa_family = AF_UNSPEC;
	connection.facts.destination.any.sa_family = AF_UNSPEC;
	connection.tried = "read the request";
}

/* Everything is known. */
static void
open_dialled(void)
{
	open_connection();
	connection.facts.account = &fred;
	set_address(&connection.facts.source, "2001:db8:aaaa::1", 50000);
	set_address(&connection.facts.source_used, "2001:db8:aaaa::1", 50001);
	set_address(&connection.facts.destination, "2001:db8:bbbb::1", 443);
}

#define UNKNOWN_ROUTE \
	"id=7 user=- peer=192.0.2.1:40000 source=- used=- destination=-"
#define ROUTE                                                            \
	"id=7 user=fred peer=192.0.2.1:40000 "                           \
	"source=[2001:db8:aaaa::1]:50000 used=[2001:db8:aaaa::1]:50001 " \
	"destination=[2001:db8:bbbb::1]:443"

START_TEST(an_unknown_field_is_a_dash)
{
	char expected[1024];

	sprintf(expected,
	    "error refused " UNKNOWN_ROUTE
	    " tried=\"read the request\" reason=\"%s\"",
	    strerror(EPROTO));
	connection_log_refused(&connection, -EPROTO);
	ck_assert_str_eq(line, expected);
	ck_assert_int_eq(line_count, 1);
}
END_TEST

START_TEST(a_reason_in_words_replaces_the_error)
{
	connection.reason = "no user has this auth";
	connection_log_refused(&connection, -EACCES);
	ck_assert_str_eq(line,
	    "error refused " UNKNOWN_ROUTE
	    " tried=\"read the request\" reason=\"no user has this auth\"");
}
END_TEST

static const struct {
	const struct role *role;
	int error;
	const char *level;
} levels[] = {
	{ &server_role, -ECONNREFUSED, "info" },
	{ &server_role, -ECONNRESET, "info" },
	{ &server_role, -ECONNABORTED, "info" },
	{ &server_role, -EHOSTUNREACH, "info" },
	{ &server_role, -ETIMEDOUT, "info" },
	{ &server_role, -ENOMSG, "info" },
	{ &server_role, -ENETUNREACH, "error" },
	{ &server_role, -EACCES, "error" },
	{ &server_role, -EPROTO, "error" },
	{ &server_role, -EADDRINUSE, "error" },
	{ &server_role, -EMFILE, "error" },
	{ &client_role, -ECONNABORTED, "info" },
	{ &client_role, -ECONNREFUSED, "error" },
	{ &client_role, -ECONNRESET, "error" },
	{ &client_role, -EHOSTUNREACH, "error" },
	{ &client_role, -ETIMEDOUT, "error" },
	{ &client_role, -ELOOP, "error" },
};

START_TEST(ordinary_failures_of_the_network_are_no_errors)
{
	service.role = levels[_i].role;
	connection_log_refused(&connection, levels[_i].error);
	ck_assert_msg(
	    !strncmp(line, levels[_i].level, strlen(levels[_i].level)),
	    "%s: %s", strerror(-levels[_i].error), line);
}
END_TEST

START_TEST(repeated_errors_are_counted_instead)
{
	limit_reached = true;
	connection_log_refused(&connection, -EPROTO);
	ck_assert_int_eq(line_count, 0);
	limit_reached = false;
	limit_skipped = 4294967295;
	connection.reason = "no";
	connection_log_refused(&connection, -EPROTO);
	ck_assert_str_eq(line,
	    "error refused " UNKNOWN_ROUTE
	    " tried=\"read the request\" reason=\"no\" not_shown=4294967295");
}
END_TEST

START_TEST(missing_requests_are_counted_instead_too)
{
	limit_reached = true;
	connection_log_refused(&connection, -ENOMSG);
	ck_assert_int_eq(line_count, 0);
	limit_reached = false;
	limit_skipped = 7;
	connection.reason = "no";
	connection_log_refused(&connection, -ENOMSG);
	ck_assert_str_eq(line,
	    "info refused " UNKNOWN_ROUTE
	    " tried=\"read the request\" reason=\"no\" not_shown=7");
}
END_TEST

/* Otherwise a hidden line would use up the rate limit of visible ones. */
START_TEST(hidden_lines_are_not_counted)
{
	info_is_hidden = true;
	connection_log_refused(&connection, -ENOMSG);
	ck_assert_ptr_null(limit_asked);
	ck_assert_int_eq(line_count, 0);
}
END_TEST

START_TEST(each_kind_of_each_user_has_a_limit_of_its_own)
{
	connection_log_refused(&connection, -EACCES);
	ck_assert_ptr_eq(limit_asked, &nobody.limits[REFUSAL_DENIED]);
	connection_log_refused(&connection, -EPROTO);
	ck_assert_ptr_eq(limit_asked, &nobody.limits[REFUSAL_MALFORMED]);
	connection.facts.account = &fred;
	connection_log_refused(&connection, -EACCES);
	ck_assert_ptr_eq(limit_asked, &fred.limits[REFUSAL_DENIED]);
}
END_TEST

START_TEST(suppressed_lines_are_logged_with_user_and_kind)
{
	struct acl_user user = { .name = "anna", .is_named = true };
	struct acl acl = { .users = &user, .user_count = 1 };
	static struct accounts accounts; /* still reachable at exit */
	struct account *anna;

	accounts_init(&accounts);
	anna = accounts_open(&accounts, &acl, &user);
	anna->limits[REFUSAL_LIMITED].skipped = 12;
	connection_log_skipped(&accounts, false);
	ck_assert_int_eq(line_count, 0);
	connection_log_skipped(&accounts, true);
	ck_assert_str_eq(
	    line, "warning not-shown lines=12 of=limited user=anna");
	connection_log_skipped(&accounts, true);
	ck_assert_int_eq(line_count, 1);
}
END_TEST

/* A destination that refuses is logged each time, as it is no error. */
START_TEST(ordinary_failures_are_not_limited)
{
	limit_reached = true;
	connection.reason = "no";
	connection_log_refused(&connection, -ECONNREFUSED);
	ck_assert_str_eq(line,
	    "info refused " UNKNOWN_ROUTE
	    " tried=\"read the request\" reason=\"no\"");
}
END_TEST

START_TEST(an_established_line_has_all_addresses)
{
	connection_log_established(&connection);
	ck_assert_str_eq(line, "info established " ROUTE);
	ck_assert_int_eq(line_count, 1);
}
END_TEST

START_TEST(connections_are_not_logged_below_level_info)
{
	struct connection_table_view view = { .is_established = true };
	struct relay relay = { .end = RELAY_EOF };

	info_is_hidden = true;
	connection_log_established(&connection);
	connection_log_closed(&connection, &relay, 0);
	connection_log_stopped(&view);
	ck_assert_int_eq(line_count, 0);
}
END_TEST

static const struct {
	const struct role *role;
	struct relay relay;
	int64_t duration_ms;
	const char *end;
} ends[] = {
	{ &server_role, { .end = RELAY_EOF, .bytes = { 0, 0 } }, 0,
	    "sent=0 received=0 seconds=0.000 end=eof by=client" },
	{ &server_role,
	    { .end = RELAY_EOF,
		.culprit = RELAY_UPSTREAM,
		.bytes = { 12, 3456 } },
	    1005,
	    "sent=12 received=3456 seconds=1.005 end=eof by=destination" },
	{ &client_role,
	    { .end = RELAY_IDLE, .bytes = { UINT64_MAX, UINT64_MAX - 1 } },
	    INT64_C(86400000) * 1000 + 999,
	    "sent=18446744073709551615 received=18446744073709551614 "
	    "seconds=86400000.999 end=idle" },
	{ &client_role,
	    { .end = RELAY_RESET,
		.culprit = RELAY_DOWNSTREAM,
		.error = ECONNRESET,
		.bytes = { 1, 2 } },
	    59999, "sent=1 received=2 seconds=59.999 end=reset by=user" },
	{ &client_role,
	    { .end = RELAY_RESET,
		.culprit = RELAY_UPSTREAM,
		.error = EPIPE,
		.bytes = { 1, 2 } },
	    10, "sent=1 received=2 seconds=0.010 end=reset by=server" },
	{ &server_role,
	    { .end = RELAY_RESET,
		.culprit = RELAY_DOWNSTREAM,
		.error = ETIMEDOUT,
		.bytes = { 1, 2 } },
	    10, "sent=1 received=2 seconds=0.010 end=reset by=client" },
	{ &server_role,
	    { .end = RELAY_RESET,
		.culprit = RELAY_UPSTREAM,
		.error = EHOSTUNREACH,
		.bytes = { 1, 2 } },
	    10, "sent=1 received=2 seconds=0.010 end=reset by=destination" },
};

START_TEST(a_closed_line_has_bytes_duration_and_end)
{
	const struct relay *relay = &ends[_i].relay;
	char expected[1024];
	int len = sprintf(expected, "info closed " ROUTE " %s", ends[_i].end);

	if (relay->end == RELAY_RESET)
		sprintf(
		    expected + len, " reason=\"%s\"", strerror(relay->error));
	service.role = ends[_i].role;
	connection_log_closed(&connection, relay, ends[_i].duration_ms);
	ck_assert_str_eq(line, expected);
	ck_assert_int_eq(line_count, 1);
}
END_TEST

static const struct {
	struct connection_table_view view;
	const char *state;
} views[] = {
	{ { .age_ms = 1005, .idle_ms = 1005 },
	    "state=connecting sent=0 received=0 seconds=1.005 idle=1.005 "
	    "sending=- receiving=-" },
	{ { .is_established = true,
	      .age_ms = 60000,
	      .idle_ms = 59,
	      .bytes = { UINT64_MAX, 7 } },
	    "state=established sent=18446744073709551615 received=7 "
	    "seconds=60.000 idle=0.059 sending=open receiving=open" },
	{ { .is_established = true, .finished = { true, false } },
	    "state=established sent=0 received=0 seconds=0.000 idle=0.000 "
	    "sending=ended receiving=open" },
	{ { .is_established = true, .finished = { false, true } },
	    "state=established sent=0 received=0 seconds=0.000 idle=0.000 "
	    "sending=open receiving=ended" },
};

START_TEST(a_status_line_has_the_state_of_the_connection)
{
	struct connection_table_view view = views[_i].view;
	char expected[1024];

	sprintf(expected, "answer connection " ROUTE " %s", views[_i].state);
	view.facts = connection.facts;
	connection_log_shown(&view);
	ck_assert_str_eq(line, expected);
	ck_assert_int_eq(line_count, 1);
}
END_TEST

START_TEST(a_status_line_says_that_the_request_is_awaited)
{
	struct connection_table_view view = { .age_ms = 1 };

	open_connection();
	view.facts = connection.facts;
	connection_log_shown(&view);
	ck_assert_ptr_nonnull(
	    strstr(line, "answer connection " UNKNOWN_ROUTE " state=request "));
}
END_TEST

START_TEST(connections_reset_at_the_end_of_the_program_are_logged)
{
	struct connection_table_view view = {
		.is_established = true,
		.age_ms = 1005,
		.bytes = { 1, 2 },
	};

	view.facts = connection.facts;
	connection_log_stopped(&view);
	ck_assert_str_eq(line,
	    "info closed " ROUTE
	    " sent=1 received=2 seconds=1.005 end=stopped");
	view.is_established = false;
	connection_log_stopped(&view);
	ck_assert_int_eq(line_count, 1);
}
END_TEST

/* The log cuts at 1,000 bytes; the time and the newline take 26 of them. */
START_TEST(the_longest_line_is_not_cut_by_the_log)
{
	static const char longest[] = "1111:2222:3333:4444:5555:6666:7777:8888";
	struct relay relay = { .end = RELAY_RESET,
		.error = ECONNRESET,
		.bytes = { UINT64_MAX, UINT64_MAX } };
	struct connection_table_view view = { .is_established = true,
		.age_ms = INT64_MAX,
		.idle_ms = INT64_MAX,
		.bytes = { UINT64_MAX, UINT64_MAX } };
	struct account named = { .name = "" };

	memset(named.name, 'n', sizeof(named.name) - 1);
	connection.facts.account = &named;
	connection.facts.number = UINT64_MAX;
	set_address(&connection.facts.peer, longest, 65535);
	connection.facts.peer.v6.sin6_scope_id = UINT32_MAX;
	connection.facts.source = connection.facts.source_used =
	    connection.facts.destination = connection.facts.peer;
	connection_log_closed(&connection, &relay, INT64_MAX);
	ck_assert_uint_lt(strlen(line), 1000 - 26);
	ck_assert_ptr_nonnull(strstr(line, named.name));
	ck_assert_ptr_nonnull(strstr(line,
	    "destination=[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]"
	    ":65535 sent=18446744073709551615 "));
	ck_assert_ptr_nonnull(strstr(line, strerror(ECONNRESET)));
	view.facts = connection.facts;
	connection_log_shown(&view);
	ck_assert_uint_lt(strlen(line), 1000 - 26);
	ck_assert_ptr_nonnull(strstr(line, " receiving="));
}
END_TEST

static const struct {
	const struct role *role;
	struct relay relay;
	const char *level;
} unanswered[] = {
	{ &client_role,
	    { .end = RELAY_RESET, .culprit = RELAY_UPSTREAM, .error = 104 },
	    "warning" },
	{ &client_role,
	    { .end = RELAY_RESET,
		.culprit = RELAY_UPSTREAM,
		.error = 104,
		.bytes = { 64 * 1024, 0 } },
	    "warning" },
	/* So much has been read by somebody. */
	{ &client_role,
	    { .end = RELAY_RESET,
		.culprit = RELAY_UPSTREAM,
		.error = 104,
		.bytes = { 64 * 1024 + 1, 0 } },
	    "info" },
	{ &client_role,
	    { .end = RELAY_RESET,
		.culprit = RELAY_UPSTREAM,
		.error = 104,
		.bytes = { 0, 1 } },
	    "info" },
	{ &client_role,
	    { .end = RELAY_RESET, .culprit = RELAY_DOWNSTREAM, .error = 104 },
	    "info" },
	{ &client_role, { .end = RELAY_EOF, .culprit = RELAY_UPSTREAM },
	    "info" },
	{ &client_role, { .end = RELAY_IDLE }, "info" },
	{ &client_role, { .end = RELAY_IDLE, .answer.is_awaited = true },
	    "warning" },
	{ &server_role,
	    { .end = RELAY_RESET, .culprit = RELAY_UPSTREAM, .error = 104 },
	    "info" },
};

START_TEST(a_client_half_warns_of_an_end_before_any_answer)
{
	bool is_warning = !strcmp(unanswered[_i].level, "warning");

	service.role = unanswered[_i].role;
	connection_log_closed(&connection, &unanswered[_i].relay, 0);
	ck_assert_ptr_eq(strstr(line, unanswered[_i].level), line);
	ck_assert(is_warning == !!strstr(line, "the server half"));
	/* Where connections are not shown this is, but not without end. */
	line_count = 0;
	info_is_hidden = true;
	connection_log_closed(&connection, &unanswered[_i].relay, 0);
	ck_assert_int_eq(line_count, is_warning);
	limit_reached = true;
	connection_log_closed(&connection, &unanswered[_i].relay, 0);
	ck_assert_int_eq(line_count, is_warning);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("connection_log");
	TCase *refused = tcase_create("refused");
	TCase *served = tcase_create("served");

	tcase_add_checked_fixture(refused, open_connection, NULL);
	tcase_add_test(refused, an_unknown_field_is_a_dash);
	tcase_add_test(refused, a_reason_in_words_replaces_the_error);
	tcase_add_loop_test(refused,
	    ordinary_failures_of_the_network_are_no_errors, 0, COUNT(levels));
	tcase_add_test(refused, repeated_errors_are_counted_instead);
	tcase_add_test(refused, missing_requests_are_counted_instead_too);
	tcase_add_test(refused, hidden_lines_are_not_counted);
	tcase_add_test(refused, each_kind_of_each_user_has_a_limit_of_its_own);
	tcase_add_test(refused, suppressed_lines_are_logged_with_user_and_kind);
	tcase_add_test(refused, ordinary_failures_are_not_limited);
	suite_add_tcase(suite, refused);

	tcase_add_checked_fixture(served, open_dialled, NULL);
	tcase_add_test(served, an_established_line_has_all_addresses);
	tcase_add_test(served, connections_are_not_logged_below_level_info);
	tcase_add_loop_test(
	    served, a_closed_line_has_bytes_duration_and_end, 0, COUNT(ends));
	tcase_add_loop_test(served,
	    a_status_line_has_the_state_of_the_connection, 0, COUNT(views));
	tcase_add_test(served, a_status_line_says_that_the_request_is_awaited);
	tcase_add_test(
	    served, connections_reset_at_the_end_of_the_program_are_logged);
	tcase_add_test(served, the_longest_line_is_not_cut_by_the_log);
	tcase_add_loop_test(served,
	    a_client_half_warns_of_an_end_before_any_answer, 0,
	    COUNT(unanswered));
	suite_add_tcase(suite, served);
	return suite;
}
