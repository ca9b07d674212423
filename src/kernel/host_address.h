#ifndef KERNEL_HOST_ADDRESS_H
#define KERNEL_HOST_ADDRESS_H

/*
 * The addresses of this host's own interfaces, as they are now: asked of the
 * kernel each time (rtnetlink(7)), so that none is known too long. Routes do
 * not count: "ip route add local" gives the host addresses of others. Loopback
 * addresses, which every host has, are left out.
 */

#include "net/prefix.h"

/*
 * Looks for one in that prefix. Returns 1 and it is in *found, with port 0; 0
 * if there is none; or a negative errno: the kernel could not be asked.
 */
int host_address_find(const struct prefix *prefix, union address *found);

/* 1 if that is one, whatever its port; otherwise the same. */
int host_address_is(const union address *address);

#endif
