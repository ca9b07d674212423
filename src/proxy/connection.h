#ifndef PROXY_CONNECTION_H
#define PROXY_CONNECTION_H

/* One connection's life, the same for both halves. */

#include <stdint.h>

#include "proxy/role.h"

struct connection_table;
struct gates;
struct last_refusals;

/* All connections share these. */
struct service {
	const struct role *role;
	struct admission *admission;
	struct accounts *accounts;
	struct connection_table *table;
	struct gates *gates; /* of a server half */
	struct last_refusals *refusals;
};

/*
 * Serves the accepted connection fd in a thread of its own, and logs its
 * failures. The number is that of admission_enter(). Takes over fd, the
 * reference to config and the place in the admission; it gives back the place
 * last. Returns 0, or a negative errno after resetting the connection for want
 * of a thread or memory.
 */
int connection_start(const struct service *service, struct config *config,
    uint64_t number, int fd, const union address *peer);

#endif
