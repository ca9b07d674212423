#include "proxy/connection_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "proxy/accounts.h"
#include "proxy/refusal.h"

/* The names of the fields, a number, a user, five addresses. */
#define ROUTE_STRLEN (72 + 20 + ACCOUNT_STRLEN + 5 * ADDRESS_STRLEN)

/* The fields that all lines have in common. */
static const char *
format_route(const struct connection_facts *facts, char *text)
{
	char peer[ADDRESS_STRLEN], source[ADDRESS_STRLEN];
	char used[ADDRESS_STRLEN], destination[ADDRESS_STRLEN];
	char user[ACCOUNT_STRLEN], server[ADDRESS_STRLEN] = "";
	bool has_server = facts->server.any.sa_family != AF_UNSPEC;

	if (has_server)
		address_format(&facts->server, server);
	snprintf(text, ROUTE_STRLEN,
	    "id=%" PRIu64 " user=%s peer=%s source=%s used=%s "
	    "destination=%s%s%s",
	    facts->number, account_format(facts->account, user),
	    address_format(&facts->peer, peer),
	    address_format(&facts->source, source),
	    address_format(&facts->source_used, used),
	    address_format(&facts->destination, destination),
	    has_server ? " server=" : "", server);
	return text;
}

/*
 * Returns true for ordinary failures of the network, which nobody has to look
 * into.
 */
static bool
is_weather(const struct connection *connection, int error)
{
	switch (error) {
	case -ECONNREFUSED:
	case -ECONNRESET:
	case -ECONNABORTED:
	case -EHOSTUNREACH:
	case -ETIMEDOUT:
	case -ENOMSG:
		/*
		 * If the client cannot reach its server, the operator must
		 * know.
		 */
		return connection->service->role == &server_role ||
		    connection->is_reason_given || error == -ECONNABORTED;
	default:
		return false;
	}
}

/*
 * Returns true for lines that a peer could cause without end, to fill the log.
 */
static bool
is_limited(const struct connection *connection, int error)
{
	return error == -ENOMSG || !is_weather(connection, error);
}

const char *
connection_log_reason(const struct connection *connection, int error)
{
	return connection->reason ? connection->reason : strerror(-error);
}

void
connection_log_refused(const struct connection *connection, int error)
{
	struct log_limit *limit =
	    &connection->facts.account->limits[refusal_of(error)];
	char route[ROUTE_STRLEN], more[32] = "";
	const char *reason = connection_log_reason(connection, error);
	bool is_info = is_weather(connection, error);
	unsigned skipped = 0;

	if ((is_info && !log_shows_info()) ||
	    (is_limited(connection, error) && !log_limit_pass(limit, &skipped)))
		return;
	format_route(&connection->facts, route);
	if (skipped > 0)
		snprintf(more, sizeof(more), " not_shown=%u", skipped);
	if (is_info)
		log_info("refused %s tried=\"%s\" reason=\"%s\"%s", route,
		    connection->tried, reason, more);
	else
		log_error("refused %s tried=\"%s\" reason=\"%s\"%s", route,
		    connection->tried, reason, more);
}

static void
log_skipped(struct account *account, bool is_end)
{
	char user[ACCOUNT_STRLEN];

	for (int i = 0; i < REFUSAL_COUNT; i++) {
		unsigned skipped = log_limit_take(&account->limits[i], is_end);

		if (skipped > 0)
			log_warning("not-shown lines=%u of=%s user=%s", skipped,
			    refusal_name((enum refusal)i),
			    account_format(account, user));
	}
}

void
connection_log_skipped(struct accounts *accounts, bool is_end)
{
	struct account *account = NULL;

	while ((account = accounts_next(accounts, account)))
		log_skipped(account, is_end);
}

void
connection_log_established(const struct connection *connection)
{
	char route[ROUTE_STRLEN];

	if (!log_shows_info())
		return;
	log_info("established %s", format_route(&connection->facts, route));
}

const char *
connection_log_direction(
    const struct connection_table_view *view, enum relay_side side)
{
	if (!view->is_established)
		return "-";
	return view->finished[side] ? "ended" : "open";
}

const char *
connection_log_stage(const struct connection_table_view *view)
{
	if (view->is_established)
		return "established";
	return view->facts.destination.any.sa_family == AF_UNSPEC
	    ? "request"
	    : "connecting";
}

void
connection_log_shown(const struct connection_table_view *view)
{
	char route[ROUTE_STRLEN];

	log_answer("connection %s state=%s sent=%" PRIu64 " received=%" PRIu64
		   " seconds=%" PRId64 ".%03" PRId64 " idle=%" PRId64
		   ".%03" PRId64 " sending=%s receiving=%s",
	    format_route(&view->facts, route), connection_log_stage(view),
	    view->bytes[RELAY_DOWNSTREAM], view->bytes[RELAY_UPSTREAM],
	    view->age_ms / 1000, view->age_ms % 1000, view->idle_ms / 1000,
	    view->idle_ms % 1000,
	    connection_log_direction(view, RELAY_DOWNSTREAM),
	    connection_log_direction(view, RELAY_UPSTREAM));
}

/* A server half that refuses reads no more than this of a connection. */
#define UNANSWERED_MAX_LEN (64 * 1024)

/* In version 1 the server half sends nothing of its own: srcproxy-protocol(7). */
const char *
connection_log_unanswered(
    const struct connection *connection, const struct relay *relay)
{
	if (relay->end == RELAY_IDLE && relay->answer.is_awaited)
		return "the server half has not answered within timeout";
	if (connection->service->role == &server_role ||
	    relay->end != RELAY_RESET || relay->culprit != RELAY_UPSTREAM ||
	    relay->bytes[RELAY_UPSTREAM] > 0 || relay->answer.len > 0 ||
	    relay->bytes[RELAY_DOWNSTREAM] > UNANSWERED_MAX_LEN)
		return NULL;
	return "refused by the server half, or by the destination: see its "
	       "log";
}

/* At info every end is logged; at error, ten unanswered ones in ten seconds. */
static bool
may_log_end(const struct connection *connection, const char *unanswered)
{
	unsigned skipped;

	return log_shows_info() ||
	    (unanswered &&
		log_limit_pass(
		    &connection->facts.account->limits[REFUSAL_UNREACHABLE],
		    &skipped));
}

void
connection_log_closed(const struct connection *connection,
    const struct relay *relay, int64_t duration_ms)
{
	const struct role *role = connection->service->role;
	const char *culprit = relay->culprit == RELAY_DOWNSTREAM
	    ? role->downstream
	    : role->upstream;
	const char *unanswered = connection_log_unanswered(connection, relay);
	char route[ROUTE_STRLEN], end[160];

	if (!may_log_end(connection, unanswered))
		return;
	switch (relay->end) {
	case RELAY_EOF:
		snprintf(end, sizeof(end), "end=eof by=%s", culprit);
		break;
	case RELAY_IDLE:
		if (unanswered)
			snprintf(end, sizeof(end), "end=idle reason=\"%s\"",
			    unanswered);
		else
			strcpy(end, "end=idle");
		break;
	case RELAY_FAILED:
		snprintf(end, sizeof(end),
		    "end=failed reason=\"cannot start a thread: %s\"",
		    strerror(relay->error));
		break;
	case RELAY_RESET:
		snprintf(end, sizeof(end), "end=reset by=%s reason=\"%s\"",
		    culprit, unanswered ? unanswered : strerror(relay->error));
		break;
	}
	(unanswered ? log_warning : log_info)(
	    "closed %s sent=%" PRIu64 " received=%" PRIu64 " seconds=%" PRId64
	    ".%03" PRId64 " %s",
	    format_route(&connection->facts, route),
	    relay->bytes[RELAY_DOWNSTREAM], relay->bytes[RELAY_UPSTREAM],
	    duration_ms / 1000, duration_ms % 1000, end);
}

void
connection_log_stopped(const struct connection_table_view *view)
{
	char route[ROUTE_STRLEN];

	if (!view->is_established || !log_shows_info())
		return;
	log_info("closed %s sent=%" PRIu64 " received=%" PRIu64
		 " seconds=%" PRId64 ".%03" PRId64 " end=stopped",
	    format_route(&view->facts, route), view->bytes[RELAY_DOWNSTREAM],
	    view->bytes[RELAY_UPSTREAM], view->age_ms / 1000,
	    view->age_ms % 1000);
}
