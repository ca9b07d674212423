#ifndef PROBE_H
#define PROBE_H

/*
 * Attempts to connect to some ports of a host, to see whether it answers at
 * all: a refusal is as good as a connection. Nothing is sent on these.
 */

#include "address.h"

#define PROBE_PORTS 6

struct probe {
	int fds[PROBE_PORTS];
};

/*
 * from: bound as the server half binds to a user's address, with port 0; NULL:
 * any of this host. Returns 0 when the packets are sent, or a negative errno;
 * then there is nothing to close.
 */
int probe_open(
    struct probe *probe, const union address *from, const union address *to);

/* Whether something came back in time; to be asked once. */
bool probe_wait(const struct probe *probe, int64_t wait_ms);

void probe_close(struct probe *probe);

#endif
