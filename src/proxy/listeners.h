#ifndef PROXY_LISTENERS_H
#define PROXY_LISTENERS_H

/*
 * The listening sockets of this half: those that the service manager hands
 * over, otherwise one for each address of an endpoint.
 */

#include <stdbool.h>

#include "net/endpoint.h"

struct socket_activation;
struct takeover;

struct listener {
	union address address;
	int fd;
};

struct listeners {
	struct listener list[ENDPOINT_MAX_ADDRESSES];
	size_t count;
	bool are_adopted; /* the service manager shares them */
};

/*
 * Opens all listeners. It skips an address that this host does not have if
 * there are others. If the service manager's sockets have another address than
 * *endpoint, *endpoint becomes that. Returns 0, or -1 after logging why, with
 * none open. It uses the listeners of the process that is replaced where the
 * address is the same, and closes the others.
 */
int listeners_open(struct listeners *listeners, struct endpoint *endpoint,
    const struct socket_activation *given, struct takeover *takeover);

void listeners_close(struct listeners *listeners);

#endif
