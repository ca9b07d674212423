#ifndef PROXY_LISTENERS_H
#define PROXY_LISTENERS_H

/*
 * The sockets on which this half waits: those that the service manager hands
 * over, or else one for each address of an endpoint.
 */

#include <stdbool.h>

#include "net/endpoint.h"

struct listener {
	union address address;
	int fd;
};

struct listeners {
	struct listener list[ENDPOINT_MAX_ADDRESSES];
	size_t count;
	bool are_adopted; /* they are the service manager's, too */
};

/*
 * Opens all of them; an address that this host does not have is passed over
 * when there are others. *endpoint becomes where it really listens if that is
 * somewhere else. Returns 0, or -1 after reporting why not, and then keeps none.
 */
int listeners_open(struct listeners *listeners, struct endpoint *endpoint);

void listeners_close(struct listeners *listeners);

#endif
