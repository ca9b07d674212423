#ifndef KERNEL_COUNTERS_H
#define KERNEL_COUNTERS_H

/* Counters of the kernel since it started: nstat(8). */

#include <stdbool.h>
#include <stdint.h>

/* name: for example "TcpExt IPReversePathFilter". */
bool counters_read(const char *name, uint64_t *value);

/* The same, from two lines of /proc/net/netstat: the names, then the values. */
bool counters_find(
    const char *names, const char *values, const char *name, uint64_t *value);

#endif
