#ifndef PROXY_STATUS_H
#define PROXY_STATUS_H

/*
 * Logs lines about all connections at once. It waits for a slow reader of the
 * log, but not for long; then lines may be lost, and the log counts them. It
 * does not delay connections. Only one thread may call these functions.
 */

#include "proxy/accounts.h"
#include "proxy/connection_table.h"

/*
 * Logs one line for each connection and each account, and one with their
 * numbers.
 */
void status_log_all(struct accounts *accounts, struct connection_table *table);

/*
 * Logs that all established connections are closed: the end of the program
 * resets them.
 */
void status_log_stopped(struct connection_table *table);

#endif
