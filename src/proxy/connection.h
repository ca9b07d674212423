#ifndef PROXY_CONNECTION_H
#define PROXY_CONNECTION_H

/* One connection's life, the same for both halves. */

#include <stdint.h>

#include "proxy/role.h"

struct connection_table;

/* What all connections share. */
struct service {
	const struct role *role;
	struct admission *admission;
	struct accounts *accounts;
	struct connection_table *table;
};

/*
 * Serves the connection that was accepted on fd, in a thread of its own, and
 * reports all failures to the log. Owns fd, the reference to config, and a
 * place in the registry under that number from now on; gives up the last one
 * when nothing of it is left. Returns 0, or a negative errno when there was no
 * thread or memory for it, and it was reset.
 */
int connection_start(const struct service *service, struct config *config,
    uint64_t number, int fd, const union address *peer);

#endif
