#ifndef KERNEL_CONNTRACK_H
#define KERNEL_CONNTRACK_H

/* The firewall's connection tracking. It does all address translation (NAT). */

#include "net/address.h"

/*
 * Finds the source address that the destination sees of a TCP connection from
 * this host, after a packet was sent. Returns 0, -ENOENT if the connection is
 * not tracked and so not translated, or another negative errno: -EPERM without
 * CAP_NET_ADMIN.
 */
int conntrack_find_source(
    const union address *from, const union address *to, union address *seen);

/* The same for the host and port at which the connection really arrives. */
int conntrack_find_destination(
    const union address *from, const union address *to, union address *reached);

#endif
