#ifndef PROXY_SOURCE_BIND_H
#define PROXY_SOURCE_BIND_H

/*
 * Connecting from the user's own address, which is not this host's: bound with
 * IP_FREEBIND, and IP_TRANSPARENT where that is permitted (ip(7)).
 */

#include <stdbool.h>

#include "net/address.h"

struct connection;

/* Whether IP_TRANSPARENT is permitted; needed for IPv4 in most setups. */
bool source_bind_is_transparent(int family);

/* IP_FREEBIND and IP_TRANSPARENT, or their kin: 0 or a negative errno. */
int source_bind_set_freebind(int fd);
int source_bind_set_transparent(int fd, int family);

/*
 * A socket that may be bound to that address, where the system lets it be.
 * Returns a descriptor or a negative errno.
 */
int source_bind_open(const union address *source);

/*
 * Connects to connection->destination from connection->source, with its port
 * as config->source_port has it. Returns a descriptor, with source_used set
 * and known to be the address asked for, or a negative errno with tried and
 * maybe reason set.
 */
int source_bind_connect(struct connection *connection);

#endif
