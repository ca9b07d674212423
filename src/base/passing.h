#ifndef BASE_PASSING_H
#define BASE_PASSING_H

/*
 * Messages with descriptors over a connected Unix stream socket (unix(7),
 * SCM_RIGHTS). A message arrives whole, with all of its descriptors, or not at
 * all. Each call waits no longer than PASSING_WAIT_MS for the peer.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PASSING_MAX_FDS 250 /* the kernel allows 253 */
#define PASSING_MAX_LEN (16 * 1024 * 1024)
#define PASSING_WAIT_MS 5000

struct passing {
	uint32_t kind; /* the caller's */
	uint32_t len;
	uint32_t fd_count;
	uint8_t *data; /* allocated; NULL if len is 0 */
	int fds[PASSING_MAX_FDS];
};

/*
 * Connects to the socket at the path. Returns a descriptor, or a negative
 * errno: -ENOENT and -ECONNREFUSED if nobody is there.
 */
int passing_connect(const char *path);

/* Prepares an accepted socket. */
void passing_prepare(int fd);

/*
 * Sends bytes and, with the first of them, descriptors, in one call and over any
 * Unix socket. The descriptors stay the caller's. Returns as send(2), with a
 * negative errno.
 */
ssize_t passing_send_fds(
    int fd, const void *data, size_t len, const int *fds, size_t count);

/*
 * Sends bytes that are no message. Returns 0 or a negative errno, as all that
 * send: -ECONNRESET at the peer's end, -ETIMEDOUT.
 */
int passing_write(int fd, const void *data, size_t len);

/* Sends the message, whose descriptors stay the caller's. Returns 0 or errno. */
int passing_send(int fd, const struct passing *message);

/*
 * The same for a message of len bytes of data, without descriptors. data may be
 * NULL if len is 0.
 */
int passing_say(int fd, uint32_t kind, const void *data, size_t len);

/*
 * Receives a message; the caller must passing_finish() it. Returns 0, or a
 * negative errno and nothing is kept: -EMFILE if this process has no room for
 * the descriptors, -EPROTO for something else than a message, -ECONNRESET at the
 * peer's end, -ETIMEDOUT.
 */
int passing_receive(int fd, struct passing *message);

/* Frees the data, and closes the descriptors that are not -1. */
void passing_finish(struct passing *message);

#endif
