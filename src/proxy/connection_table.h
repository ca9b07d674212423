#ifndef PROXY_CONNECTION_TABLE_H
#define PROXY_CONNECTION_TABLE_H

/*
 * The connections that are there, each with what is known of it,
 * for others than its own worker to look at. What they see is a copy that the
 * worker renews when it has learned more; bytes and ends are as of now.
 *
 * All functions may be called from any thread, and none holds up the others for
 * longer than a copy takes.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "proxy/role.h"
#include "relay/relay.h"

/* One of them. It is its worker's, and lies still while it is in the roster. */
struct connection_table_entry {
	struct connection_table *table;
	struct connection_table_entry *older, *newer;
	int64_t began; /* monotonic clock, milliseconds */
	struct connection_facts facts;
	bool has_place;            /* of the account's */
	const struct relay *relay; /* NULL: not established */
	uint64_t credited[2];      /* bytes that its account knows of */
};

struct connection_table {
	pthread_mutex_t lock;
	struct connection_table_entry
	    ends; /* of a ring: older is the newest one */
};

/* What a connection has come to. */
struct connection_table_view {
	struct connection_facts facts;
	bool is_established;
	int64_t age_ms, idle_ms;
	uint64_t bytes[2];
	bool finished[2]; /* as relay.h has them */
};

void connection_table_init(struct connection_table *table);

/* With the account of nobody; the entry becomes connection->entry. */
void connection_table_enter(struct connection_table *table,
    struct connection_table_entry *entry, struct connection *connection);

/*
 * Takes a place of that account for it, which it is from now on, and shows what
 * the connection knows by now. Once in its life. Returns 0, or -EDQUOT when the
 * user has as many as the limit; 0 is no limit.
 */
int connection_table_admit(
    struct connection *connection, struct account *account, size_t limit);

/* When it is dialled. The relay lives until connection_table_leave(). */
void connection_table_establish(
    struct connection *connection, const struct relay *relay);

/* Gives back the place, and adds the last bytes to the account. */
void connection_table_leave(struct connection *connection);

/*
 * Shows one after the other, the newest first: marker is the caller's, and is
 * in the roster from roster_begin() until roster_next() has returned false.
 * Those who come meanwhile are not shown. The accounts know then of the bytes
 * that were shown.
 */
void connection_table_begin(
    struct connection_table *table, struct connection_table_entry *marker);
bool connection_table_next(
    struct connection_table_entry *marker, struct connection_table_view *view);

#endif
