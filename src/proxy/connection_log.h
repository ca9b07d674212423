#ifndef PROXY_CONNECTION_LOG_H
#define PROXY_CONNECTION_LOG_H

/*
 * What the log says of a connection: either refused, or established and later
 * closed, and meanwhile, for who asks, what it has come to. One line each, in
 * one format, here.
 */

#include "proxy/connection_table.h"
#include "proxy/role.h"
#include "relay/relay.h"

/* error: the negative errno that the role returned. */
void connection_log_refused(const struct connection *connection, int error);

/*
 * Tells how many refusals of each user's were not shown, of each kind: in
 * windows that are over (log.h), or all, at the end.
 */
void connection_log_skipped(struct accounts *accounts, bool is_end);

void connection_log_established(const struct connection *connection);

/* After relay_run(). */
void connection_log_closed(const struct connection *connection,
    const struct relay *relay, int64_t duration_ms);

/* For who has asked what is there. */
void connection_log_shown(const struct connection_table_view *view);

/* When it is the end of the program that resets it, and its worker too. */
void connection_log_stopped(const struct connection_table_view *view);

#endif
