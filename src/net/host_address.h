#ifndef NET_HOST_ADDRESS_H
#define NET_HOST_ADDRESS_H

/*
 * The addresses of this host's own interfaces. The first two functions ask the
 * kernel each time (rtnetlink(7)), so that no answer is out of date. Routes do
 * not count: "ip route add local" gives the host addresses of others. Loopback
 * addresses, which every host has, are left out.
 */

#include "net/prefix_list.h"

/*
 * 1 if the address is one of them (the port does not count), 0 if not, or a
 * negative errno if the kernel could not be asked: -EAGAIN if they change all
 * the time.
 */
int host_address_is(const union address *address);

/*
 * Adds them all to the list, which is empty, each as a prefix of one address,
 * and sorts it. Returns 0 or a negative errno; the caller finishes the list in
 * both cases.
 */
int host_address_list(struct prefix_list *list);

/*
 * Returns the first address of such a list that is within the prefix. They are
 * *count, one after the other.
 */
const struct prefix *host_address_within(
    const struct prefix_list *own, const struct prefix *prefix, size_t *count);

#endif
