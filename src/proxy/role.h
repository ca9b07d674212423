#ifndef PROXY_ROLE_H
#define PROXY_ROLE_H

/*
 * The seam between what both halves do for a connection and the one step in
 * which they differ: to find out who wants to go where, and to get there.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/address.h"

struct account;
struct accounts;
struct config;
struct admission;
struct connection_table_entry;

/* The part of a connection's data that other threads and the log get to see. */
struct connection_facts {
	uint64_t number;         /* from 1: "id" in the log */
	struct account *account; /* whose it is; at first nobody's */
	union address peer;      /* of downstream_fd, unmapped */

	/* The role fills these in as it learns them. AF_UNSPEC: unknown yet. */
	union address source;      /* who speaks */
	union address source_used; /* what upstream_fd is bound to */
	union address destination;
};

/*
 * One connection's data. Only the thread that is at it sees it: its worker,
 * and in the end the last one of its relay. Others see entry.
 */
struct connection {
	const struct role *role;
	const struct config *config;
	struct admission *admission; /* which it is in */
	struct accounts *accounts;
	struct connection_table_entry *entry;
	struct connection_facts facts;

	int downstream_fd; /* accepted; owned by connection.c */
	int upstream_fd;   /* -1 until the role has dialled */

	/* The ACL names that very source, which may be this host's own then. */
	bool may_be_host;

	/* What the role itself has read from downstream, and handed on. */
	size_t received; /* with the request, if that came from there */
	size_t early;    /* of these: the stream's first bytes, for upstream */

	/* Why the role failed: what it tried, and in words why, or NULL. */
	const char *tried, *reason;
};

struct role {
	const char *name;       /* "client" */
	const char *downstream; /* who is at that end, for the log: "user" */
	const char *upstream;   /* "server" */

	/* What it takes besides: a bit each, 1 << CAP_NET_RAW (linux/capability.h). */
	uint64_t (*capabilities)(const struct config *config);

	/* Once, before anybody is accepted: 0, or -1 when that is logged. */
	int (*prepare)(const struct config *config);

	/*
	 * Connects upstream_fd; returns 0. Otherwise a negative errno, with
	 * tried and maybe reason set, and upstream_fd as it was.
	 */
	int (*dial)(struct connection *connection);
};

extern const struct role client_role, server_role;

#endif
