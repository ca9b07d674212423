#ifndef RELAY_PUMP_H
#define RELAY_PUMP_H

/*
 * Moves one direction of a connection from socket to socket. A direction that
 * talks goes through a small buffer; one that turns out to be bulk is moved by
 * splice(2) through a pipe, which halves the processor time per byte, until it
 * is quiet again. An idle connection has no pipe, and where none is to be had,
 * the buffer does.
 *
 * A pump belongs to one thread: while splice(2) waits for a socket, whatever
 * else touches the pipe sleeps uninterruptibly. SIGPIPE must be ignored.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * On the stack of a thread of which two pages are touched anyway; the compiler
 * probes each page of a frame, so that a larger one costs another page.
 */
#define PUMP_BUFFER_LEN 2048

struct pump {
	uint8_t *buffer;     /* the caller's, PUMP_BUFFER_LEN bytes */
	uint8_t *large;      /* for bulk without a pipe; NULL: none */
	const uint8_t *next; /* what waits, in either */
	size_t len;
	int pipe[2];          /* -1: none */
	size_t piped;         /* what waits in it */
	unsigned full, small; /* how many fills in a row were so */
};

/*
 * No more pipes than that at once, of all pumps together, so that descriptors
 * are left for sockets. At first there is no limit. Any thread.
 */
void pump_limit_pipes(size_t limit);

void pump_init(struct pump *pump, uint8_t *buffer);
void pump_finish(struct pump *pump);

/* Bytes that were received and not sent yet. */
size_t pump_waiting(const struct pump *pump);

/*
 * Receives, when nothing waits. Returns as recv(2), with a negative errno. Once
 * nothing came before the socket's timeout (-EAGAIN), the pipe is given back.
 */
ssize_t pump_fill(struct pump *pump, int fd);

/*
 * Sends of what waits: all, or less to a sink that has no room for all. Returns
 * as send(2), with a negative errno.
 */
ssize_t pump_flush(struct pump *pump, int fd);

/*
 * Between two flushes, for a source not to wait for a slow sink: receives what
 * is there and fits. Returns how much; ends and errors are left to pump_fill().
 */
size_t pump_top_up(struct pump *pump, int fd);

#endif
