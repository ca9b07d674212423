#ifndef DOCTOR_PORT_PROBE_H
#define DOCTOR_PORT_PROBE_H

/*
 * Tries to connect to some ports of a host, to see whether it answers at all: a
 * refusal is an answer, too. No data is sent. One poll(2) can wait for many
 * probes.
 */

#include <poll.h>

#include "net/address.h"

#define PROBE_PORTS 6

struct port_probe {
	int fds[PROBE_PORTS];
	bool is_answered;
};

/*
 * from: a user's address with port 0, bound as the server half binds it; NULL:
 * any address of this host. Returns 0 when the packets are sent, or a negative
 * errno; then the probe is closed. A closed probe watches nothing.
 */
int port_probe_open(struct port_probe *probe, const union address *from,
    const union address *to);

/* Fills in PROBE_PORTS entries. */
void probe_watch(const struct port_probe *probe, struct pollfd *polled);

/* Reads the results of poll(2) in these entries, and sets is_answered. */
void probe_look(struct port_probe *probe, struct pollfd *polled);

void port_probe_close(struct port_probe *probe);

#endif
