#ifndef PROXY_CONNECTION_LOG_H
#define PROXY_CONNECTION_LOG_H

/*
 * The log lines about a connection: either refused, or established and later
 * closed; and its state when the status is asked for. The format of all of them
 * is here.
 */

#include "proxy/connection_table.h"
#include "proxy/role.h"
#include "relay/relay.h"

/* error: the negative errno that the role returned. */
void connection_log_refused(const struct connection *connection, int error);

/*
 * Logs for each user and kind how many refusals were not shown: those of
 * windows that are over (log.h), or all if is_end.
 */
void connection_log_skipped(struct accounts *accounts, bool is_end);

void connection_log_established(const struct connection *connection);

/* After relay_run(). */
void connection_log_closed(const struct connection *connection,
    const struct relay *relay, int64_t duration_ms);

/* "request", "connecting" or "established". */
const char *connection_log_stage(const struct connection_table_view *view);

/* The stream from that side: "open", "ended", or "-" before it is established. */
const char *connection_log_direction(
    const struct connection_table_view *view, enum relay_side side);

/* The reason of a refusal, in words for people. */
const char *connection_log_reason(
    const struct connection *connection, int error);

/*
 * The reason to log if the server half reset the connection before it answered,
 * or has not answered within the timeout; otherwise NULL.
 */
const char *connection_log_unanswered(
    const struct connection *connection, const struct relay *relay);

/* A line of the status. */
void connection_log_shown(const struct connection_table_view *view);

/* The program ends and resets the connection; its worker cannot log that. */
void connection_log_stopped(const struct connection_table_view *view);

#endif
