#ifndef CONNECTION_H
#define CONNECTION_H

/* One connection's life, the same for both halves. */

#include <stdint.h>

#include "role.h"

struct roster;

/* What all connections share. */
struct service {
	const struct role *role;
	struct registry *registry;
	struct accounts *accounts;
	struct roster *roster;
};

/*
 * Serves the connection that was accepted on fd, which it owns from now on,
 * and returns when both ends are closed. Uses the log; reports all failures.
 */
void connection_serve(const struct service *service,
    const struct config *config, uint64_t number, int fd,
    const union address *peer);

#endif
