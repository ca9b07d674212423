#ifndef KERNEL_WILDCARD_LISTENERS_H
#define KERNEL_WILDCARD_LISTENERS_H

/*
 * Sockets that listen on all addresses of this host. No other socket can bind
 * to their port, on any address, so a user cannot keep a source port of that
 * number.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads a line of /proc/net/tcp or tcp6 (proc(5)): true for one of them. */
bool wildcard_listeners_parse(const char *line, uint16_t *port);

/*
 * Lists their ports, each once, up to max. A listener for IPv6 may take IPv4 as
 * well, so both families are in one list.
 */
size_t wildcard_listeners_list(uint16_t *ports, size_t max);

#endif
