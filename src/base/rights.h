#ifndef BASE_RIGHTS_H
#define BASE_RIGHTS_H

/* Descriptors that go with data over a Unix socket (unix(7), SCM_RIGHTS). */

#include <stddef.h>
#include <sys/types.h>

/* At a time; the kernel allows 253. */
#define RIGHTS_MAX 250

/*
 * Sends the data and, with its first byte, the descriptors, which stay the
 * caller's. Returns as send(2), with a negative errno.
 */
ssize_t rights_send(
    int fd, const void *data, size_t len, const int *fds, size_t count);

#endif
