#ifndef KERNEL_PROXIED_ADDRESS_H
#define KERNEL_PROXIED_ADDRESS_H

/*
 * The addresses for which this host answers ARP or neighbour discovery, though
 * they are another host's: "ip neigh add proxy" of ip-neighbour(8).
 */

#include <stdbool.h>

#include "net/prefix.h"

/* Takes one of those in the prefix; false: there is none. Port 0. */
bool proxied_address_find(const struct prefix *prefix, union address *address);

#endif
