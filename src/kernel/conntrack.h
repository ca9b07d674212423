#ifndef KERNEL_CONNTRACK_H
#define KERNEL_CONNTRACK_H

/* What the firewall's connection tracking knows: it does all rewriting. */

#include "net/address.h"

/*
 * The source that the destination sees of a TCP connection from this host, of
 * which a packet was sent. Returns 0, -ENOENT if the connection is not tracked
 * and so not rewritten, or another negative errno: -EPERM without
 * CAP_NET_ADMIN.
 */
int conntrack_find_source(
    const union address *from, const union address *to, union address *seen);

/* The same for the host and port that the firewall lets it come to. */
int conntrack_find_destination(
    const union address *from, const union address *to, union address *reached);

#endif
