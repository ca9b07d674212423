#ifndef DOCTOR_PORT_PROBE_H
#define DOCTOR_PORT_PROBE_H

/*
 * Attempts to connect to some ports of a host, to see whether it answers at
 * all: a refusal is as good as a connection. Nothing is sent on these. Many can
 * be waited for at once, with poll(2).
 */

#include <poll.h>

#include "net/address.h"

#define PROBE_PORTS 6

struct port_probe {
	int fds[PROBE_PORTS];
	bool is_answered;
};

/*
 * from: bound as the server half binds to a user's address, with port 0; NULL:
 * any of this host. Returns 0 when the packets are sent, or a negative errno;
 * then there is nothing to close.
 */
int port_probe_open(struct port_probe *probe, const union address *from,
    const union address *to);

/* Fills in PROBE_PORTS of them. */
void probe_watch(const struct port_probe *probe, struct pollfd *polled);

/* Takes what poll(2) said of these; is_answered says what came of it. */
void probe_look(struct port_probe *probe, struct pollfd *polled);

void port_probe_close(struct port_probe *probe);

#endif
