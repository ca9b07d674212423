#ifndef KERNEL_SYSCTL_H
#define KERNEL_SYSCTL_H

/* A network setting of the kernel: sysctl(8). */

#include <stdbool.h>

/* name: below net, with slashes: "ipv4/ip_forward". False if there is none. */
bool sysctl_read(const char *name, long *value);

/* Of several numbers, the last one: the largest of "ipv4/tcp_rmem". */
bool sysctl_read_last(const char *name, long *value);

/*
 * True if IPv6 is off: for the whole host, by ipv6.disable=1 or
 * net.ipv6.conf.all.disable_ipv6=1, or for lo, to which routes to users lead.
 */
bool sysctl_disables_ipv6(void);

#endif
