#ifndef KERNEL_ROUTE_H
#define KERNEL_ROUTE_H

/* What the kernel's routing says of a connection that is still to be made. */

#include "net/address.h"

struct route {
	bool is_local, is_broadcast, is_anycast; /* it ends at this host */
	uint32_t table;        /* of ip-route(8): 255 is "local" */
	uint32_t interface;    /* its index */
	union address gateway; /* AF_UNSPEC: none, it is on the link */
};

/*
 * Where a TCP connection to that address and port would go, with that firewall
 * mark; 0: none. Returns 0 or a negative errno: there is no route.
 */
int route_find(const union address *to, uint32_t mark, struct route *route);

/* The same for a packet from there that comes in by that interface. */
int route_find_arriving(const union address *from, uint32_t interface,
    const union address *to, uint32_t mark, struct route *route);

/*
 * 1 if a TCP connection to that address and port would end at this host: a
 * loopback address, one of its interfaces', or one that a rule or route claims
 * for it (ip route add local); 0 if not, or if there is no route; or a negative
 * errno: the kernel could not be asked. The address must be unmapped.
 */
int route_ends_here(const union address *to);

/* The same for a broadcast address of one of this host's links. */
int route_is_broadcast(const union address *to);

/* For the anycast address of a subnet that this host routes (RFC 4291, 2.6). */
int route_is_anycast(const union address *to);

#endif
