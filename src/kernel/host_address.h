#ifndef KERNEL_HOST_ADDRESS_H
#define KERNEL_HOST_ADDRESS_H

/*
 * The addresses of this host's own interfaces. Each call asks the kernel
 * (rtnetlink(7)), so that no answer is out of date. Routes do not count: "ip
 * route add local" gives the host addresses of others. Loopback addresses,
 * which every host has, are left out.
 */

#include "net/prefix.h"

/*
 * Looks for an own address within the prefix. Returns 1 and sets *found, with
 * port 0; 0 if there is none; or a negative errno if the kernel could not be
 * asked.
 */
int host_address_find(const struct prefix *prefix, union address *found);

/*
 * 1 if the address is one of them (the port does not count); otherwise as
 * above.
 */
int host_address_is(const union address *address);

#endif
