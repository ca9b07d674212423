#ifndef PROXY_STATUS_H
#define PROXY_STATUS_H

/*
 * Lines about all connections at once. They wait for a slow reader of the log,
 * but not for long; then some may be lost, and the log counts them. They hold up
 * no connection meanwhile. For one thread.
 */

#include "proxy/accounts.h"
#include "proxy/connection_table.h"

/*
 * Who is there, and what each user has had: one line for each connection and
 * account, and one that says how many they were.
 */
void status_log_all(struct accounts *accounts, struct connection_table *table);

/* Of those that the end of the program will reset, that they are closed. */
void status_log_stopped(struct connection_table *table);

#endif
