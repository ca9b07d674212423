#ifndef PROXY_SOURCE_BIND_H
#define PROXY_SOURCE_BIND_H

/*
 * Connecting from the user's own address, which is not this host's: bound with
 * IP_FREEBIND, and IP_TRANSPARENT where that is permitted (ip(7)).
 */

#include <stdbool.h>

#include "net/address.h"

struct connection;

/* Returns true if IP_TRANSPARENT is permitted. Most IPv4 setups need it. */
bool source_bind_is_transparent(int family);

/*
 * Set IP_FREEBIND, or IP_TRANSPARENT of that family. Return 0 or a negative
 * errno.
 */
int source_bind_set_freebind(int fd);
int source_bind_set_transparent(int fd, int family);

/*
 * Opens a socket with IP_FREEBIND and IP_TRANSPARENT as far as permitted, for
 * bind(2) to that address. Returns a descriptor or a negative errno.
 */
int source_bind_open(const union address *source);

/*
 * Connects from the source to the destination of the connection, with the
 * source port that config->source_port asks for. Returns a descriptor and sets
 * source_used, whose address is that of the source; or returns a negative errno
 * and sets tried and maybe reason. If connection->is_check, the socket is bound
 * only.
 */
int source_bind_connect(struct connection *connection);

#endif
