#ifndef NET_ROUTE_H
#define NET_ROUTE_H

/* The kernel's route for a connection that is not made yet. */

#include <net/if.h>

#include "net/address.h"

struct route {
	bool is_local, is_broadcast,
	    is_anycast;     /* the packet is delivered on this host */
	uint8_t type;       /* RTN_LOCAL and the like */
	uint32_t table;     /* as in ip-route(8): 255 is "local" */
	uint32_t interface; /* its index */
	union address
	    gateway; /* AF_UNSPEC: none, the destination is on the link */
};

union netlink_message;

/* Reads a message RTM_NEWROUTE. Of several gateways it reads none. */
void route_read(const union netlink_message *message, struct route *route);

/*
 * Finds the route of a TCP connection to this address and port, with this
 * firewall mark (0: none). Returns 0, or a negative errno if there is no route.
 */
int route_find(const union address *to, uint32_t mark, struct route *route);

/* Finds the name of its interface. False: no route, or it ends on this host. */
bool route_find_link(const union address *to, char name[IF_NAMESIZE]);

/* Whether there is a route by that interface; not for AF_UNSPEC. */
bool route_leads_to(const union address *to, uint32_t interface);

/*
 * 1 if a TCP connection to this address and port would end on this host: a
 * loopback address, an address of an interface, or one that a rule or route
 * claims for the host (ip route add local). 0 if not, or if there is no route.
 * A negative errno if the kernel could not be asked. The address must be
 * unmapped.
 */
int route_ends_here(const union address *to);

/* The same for a broadcast address of one of this host's links. */
int route_is_broadcast(const union address *to);

/* For the anycast address of a subnet that this host routes (RFC 4291, 2.6). */
int route_is_anycast(const union address *to);

#endif
