#ifndef PROXY_INBOUND_H
#define PROXY_INBOUND_H

/* How the users' connections reach the client half: one row for each mode. */

#include "config/config.h"

struct connection;

struct inbound {
	/*
	 * Sets options that the mode needs on a listener, at start, when the
	 * privileges are still there. Returns 0, or -1 after logging why. NULL:
	 * there are none.
	 */
	int (*prepare_listener)(int listen_fd);

	/*
	 * Fills in connection->destination: the address that the user connected
	 * to, before the firewall changed it. Returns 0 or a negative errno,
	 * with tried and maybe reason set. -ELOOP: the destination is this
	 * listener, so that the connection would come back for ever.
	 */
	int (*find_destination)(struct connection *connection);
};

const struct inbound *inbound_find(enum inbound_mode mode);

#endif
