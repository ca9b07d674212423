#ifndef PROXY_TAKEOVER_H
#define PROXY_TAKEOVER_H

/*
 * The process that replaces another one: takes over its listeners, its pidfile,
 * its status socket and its live connections (handover_record.h has the
 * messages). Until takeover_run() the other process serves as before, and goes
 * on if this one ends.
 */

#include <stdatomic.h>
#include <stdbool.h>

#include "config/live_config.h"
#include "net/endpoint.h"
#include "process/socket_activation.h"
#include "proxy/connection.h"

struct takeover {
	int fd;         /* to the other process; -1: nobody is replaced */
	bool is_stored; /* by a process that has ended (process/store.h) */
	int status_fd;  /* -1: none; whoever uses it makes it -1 */
	int listen_fds[ENDPOINT_MAX_ADDRESSES]; /* the same */
	size_t listener_count;
	bool are_adopted; /* a service manager shares them */
	uint64_t entered;

	const struct service *service;
	struct live_config *live_config;
	atomic_bool is_following; /* more connections may come */
};

/*
 * Greets the process that listens at the path. Returns 0, also if nobody is
 * there, or -1 after logging why that one does not let itself be replaced.
 */
int takeover_greet(struct takeover *takeover, const char *path, bool is_server);

/*
 * The same for a process that has left everything in the service manager's
 * store. If it cannot be used, logs why and starts as usual.
 */
void takeover_load(
    struct takeover *takeover, struct socket_activation *given, bool is_server);

/*
 * Takes all connections. This process must be ready to serve: it owns them when
 * the call returns 0. Returns -1 after logging why, and the other process goes
 * on.
 */
int takeover_run(struct takeover *takeover, const struct service *service,
    struct live_config *live_config);

#endif
