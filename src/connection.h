#ifndef CONNECTION_H
#define CONNECTION_H

/* One connection's life, the same for both halves. */

#include <stdint.h>

#include "role.h"

/*
 * Serves the connection that was accepted on fd, which it owns from now on,
 * and returns when both ends are closed. Uses the log; reports all failures.
 */
void connection_serve(const struct role *role, const struct config *config,
    struct registry *registry, uint64_t number, int fd,
    const union address *peer);

#endif
