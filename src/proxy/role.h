#ifndef PROXY_ROLE_H
#define PROXY_ROLE_H

/*
 * Both halves serve a connection alike, except for one step: to learn source
 * and destination and to connect upstream. A role is that step of one half.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/address.h"

struct account;
struct accounts;
struct admission;
struct config;
struct connection_table;
struct connection_table_entry;
struct recent;
struct replay;

/* All connections of the process share these. */
struct service {
	const struct role *role;
	struct admission *admission;
	struct accounts *accounts;
	struct connection_table *table;
	struct recent *recent;
	struct replay *replay; /* of the server half */
};

/*
 * The facts about a connection that the log and, as a copy, other threads may
 * see.
 */
struct connection_facts {
	uint64_t number;         /* from 1: "id" in the log */
	struct account *account; /* the user's; accounts->nobody at first */
	union address peer;      /* of downstream_fd, unmapped */

	/* The role sets these as it learns them. AF_UNSPEC: not known yet. */
	union address source;      /* the user's address */
	union address source_used; /* what upstream_fd is bound to */
	union address destination;

	/* The server that was chosen among several. */
	union address server;
};

/*
 * The data of one connection. Only the thread that serves it may use this: its
 * worker, and at the end the last thread of its relay. Other threads see the
 * entry.
 */
struct connection {
	const struct service *service;
	const struct config *config;
	struct connection_table_entry *entry;
	struct connection_facts facts;

	int downstream_fd; /* accepted; owned by connection.c */
	int upstream_fd;   /* -1 until the role has dialled */

	/* The client half: the address to which upstream_fd leads. */
	union address server;
	/* The same: the server half says first whether it is connected. */
	bool awaits_answer;

	/*
	 * The ACL has an entry of this source alone: it may be this host's own
	 * address.
	 */
	bool may_be_host;

	/* The request is a check: bind to the source, but do not connect. */
	bool is_check;

	/*
	 * Bytes that the role itself has read from downstream: all of them, and
	 * those that belong to the stream, which it sends upstream. The server
	 * reads the request there, too.
	 */
	size_t received, early;

	/*
	 * Why the role failed: what it tried, and the reason in words; NULL:
	 * strerror(3).
	 */
	const char *tried, *reason;
	/* The server half gave the reason, so it is within reach. */
	bool is_reason_given;
};

struct role {
	const char *name;       /* "client" */
	const char *downstream; /* the name of that peer in the log: "user" */
	const char *upstream;   /* "server" */

	/*
	 * The capabilities it needs: bits like 1 << CAP_NET_RAW
	 * (linux/capability.h).
	 */
	uint64_t (*capabilities)(const struct config *config);

	/*
	 * Called for each listener at start, when the privileges are still
	 * there. Returns 0, or -1 after logging why. NULL: nothing to do.
	 */
	int (*open)(const struct config *config, int listen_fd);

	/*
	 * Sets options that depend on the configuration, on a listener, and
	 * whatever else may take privileges: at start, when they are still
	 * there, and after each reload. Failures are logged.
	 */
	void (*tune)(const struct config *config, int listen_fd);

	/*
	 * Called before the first connection and at each reload. Returns 0, or
	 * -1 after logging why.
	 */
	int (*prepare)(const struct config *config);

	/*
	 * Called when the configuration is in force: at start, before the first
	 * connection is accepted and after all were taken over, and after each
	 * reload. NULL: nothing to do.
	 */
	void (*begin)(const struct config *config);

	/*
	 * Connects upstream_fd and returns 0. On a failure it returns a
	 * negative errno, sets tried and maybe reason, and leaves upstream_fd
	 * as it was. -ENODATA is no refusal: the peer only looked whether
	 * somebody listens, and closed without a byte.
	 */
	int (*dial)(struct connection *connection);

	/* Before upstream_fd is closed, if it was dialled. NULL: nothing. */
	void (*end)(const struct connection *connection);
};

extern const struct role client_role, server_role;

#endif
