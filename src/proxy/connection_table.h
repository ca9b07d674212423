#ifndef PROXY_CONNECTION_TABLE_H
#define PROXY_CONNECTION_TABLE_H

/*
 * The live connections, for other threads than their workers to look at. The
 * table has a copy of each connection's facts, which the worker renews when it
 * has learned more; bytes and ends are as of now.
 *
 * All functions may be called from any thread. None holds the lock longer than
 * a copy takes.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "proxy/role.h"
#include "relay/relay.h"

/*
 * One connection. Its worker owns it and must not move it while it is in the
 * table.
 */
struct connection_table_entry {
	struct connection_table *table;
	struct connection_table_entry *older, *newer;
	int64_t began; /* monotonic clock, milliseconds */
	struct connection_facts facts;
	bool has_place;       /* account_enter() has counted it */
	struct relay *relay;  /* NULL: not established */
	uint64_t credited[2]; /* bytes already added to the account */
	bool is_listed;       /* by connection_table_list_still() */

	/* In the list of a hand-over, while the relay is still. */
	struct connection_table_entry *next;
};

struct connection_table {
	pthread_mutex_t lock;
	struct connection_table_entry
	    ends; /* of a ring; ends.older is the newest entry */
	/* When bytes from upstream were last credited: seconds since 1970. */
	_Atomic int64_t received_at;
};

/* The state of a connection at one moment. */
struct connection_table_view {
	struct connection_facts facts;
	bool is_established;
	int64_t age_ms, idle_ms;
	uint64_t bytes[2];
	bool finished[2]; /* as in relay.h */
};

void connection_table_init(struct connection_table *table);

/*
 * Enters it into the table of its service. Sets the account to
 * accounts->nobody, and connection->entry to the entry.
 */
void connection_table_enter(
    struct connection_table_entry *entry, struct connection *connection);

/*
 * Makes it a connection of that account, counts it there, and copies the facts.
 * Once for each connection. Returns 0, or -EDQUOT when the account has reached
 * the limit; 0: no limit.
 */
int connection_table_admit(
    struct connection *connection, struct account *account, size_t limit);

/* After dial(). The relay must live until connection_table_leave(). */
void connection_table_establish(
    struct connection *connection, struct relay *relay);

/*
 * The same for a connection that another process had established. is_counted:
 * its account has it, and its bytes, already.
 */
void connection_table_restore(struct connection *connection,
    struct relay *relay, int64_t began, bool is_counted);

/*
 * Stops the relays in which nothing has moved for quiet_ms (relay_stop()), with
 * 0 all relays, and returns how many of them are not still yet: call it again
 * until it returns 0.
 */
size_t connection_table_stop(struct connection_table *table, int64_t quiet_ms);

/* How many connections are not established yet. */
size_t connection_table_pending(struct connection_table *table);

/*
 * Appends the relays that are still to a list, each one once. end: the pointer
 * with which the list ends now; returns the one with which it ends then. Until
 * its relay goes on, nothing changes or removes an entry.
 */
struct connection_table_entry **connection_table_list_still(
    struct connection_table *table, struct connection_table_entry **end);

/*
 * Adds the last bytes to the account, and counts the connection there no more.
 */
void connection_table_leave(struct connection *connection);

/*
 * Walk the connections, the newest first; several threads may do so at a time.
 * The caller owns the marker, which is in the table from
 * connection_table_begin() until connection_table_next() returns false.
 * Connections that begin meanwhile are not shown. The bytes of a view are in its
 * account, too.
 */
void connection_table_begin(
    struct connection_table *table, struct connection_table_entry *marker);
bool connection_table_next(
    struct connection_table_entry *marker, struct connection_table_view *view);

/* Adds to each account what its connections have moved by now. */
void connection_table_credit(struct connection_table *table);

#endif
