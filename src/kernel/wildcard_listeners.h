#ifndef KERNEL_WILDCARD_LISTENERS_H
#define KERNEL_WILDCARD_LISTENERS_H

/*
 * Sockets that listen on all addresses of this host. Nobody can bind to the
 * port of one of these, from whatever address: users lose their source port.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a line of /proc/net/tcp or tcp6 (proc(5)): whether it is one. */
bool wildcard_listeners_parse(const char *line, uint16_t *port);

/*
 * The ports of all of them, each once, up to max. One that takes IPv6 may take
 * IPv4 as well, so families are not told apart.
 */
size_t wildcard_listeners_list(uint16_t *ports, size_t max);

#endif
