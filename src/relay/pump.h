#ifndef RELAY_PUMP_H
#define RELAY_PUMP_H

/*
 * Moves one direction of a connection from socket to socket. Interactive data
 * goes through a small buffer. Bulk data is moved by splice(2) through a pipe,
 * which halves the processor time per byte, until the direction is quiet again.
 * An idle connection has no pipe. If no pipe is available, bulk data goes
 * through a buffer too.
 *
 * A pump belongs to one thread: while splice(2) waits for a socket, any other
 * access to the pipe sleeps uninterruptibly. SIGPIPE must be ignored.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The length of a buffer on the thread's stack. The thread touches two pages of
 * its stack anyway. The compiler probes each page of a frame, so a larger
 * buffer costs another page.
 */
#define PUMP_BUFFER_LEN 2048

/* The most bytes that wait outside of a pipe. */
#define PUMP_PIECE_LEN (64 * 1024)

struct pump {
	uint8_t *buffer;     /* the caller's, PUMP_BUFFER_LEN bytes */
	uint8_t *large;      /* for bulk without a pipe; NULL: none */
	const uint8_t *next; /* the waiting bytes, in either buffer */
	size_t len;
	int pipe[2];          /* -1: none */
	size_t piped;         /* the bytes waiting in it */
	unsigned full, small; /* the number of full or small fills in a row */
};

/*
 * Limits the pipes of all pumps together, so that descriptors are left for
 * sockets. There is no limit at first. Any thread may call it.
 */
void pump_limit_pipes(size_t limit);

void pump_init(struct pump *pump, uint8_t *buffer);
void pump_finish(struct pump *pump);

/*
 * The waiting bytes of a pump that stands still, in a pipe or in memory. Its
 * owner closes and frees them, unless pump_resume() gets them.
 */
struct pump_rest {
	int pipe[2]; /* -1: none */
	size_t piped;
	uint8_t *bytes; /* NULL: none */
	size_t len;
};

void pump_rest_init(struct pump_rest *rest);
void pump_rest_finish(struct pump_rest *rest);

/* Copies at most PUMP_PIECE_LEN bytes. Returns false for want of memory. */
bool pump_rest_set_bytes(
    struct pump_rest *rest, const uint8_t *bytes, size_t len);

/*
 * Instead of pump_finish(): moves the waiting bytes to *rest. Returns false for
 * want of memory, and then the bytes still wait.
 */
bool pump_suspend(struct pump *pump, struct pump_rest *rest);

/* Instead of pump_init(): takes the bytes over, and leaves *rest empty. */
void pump_resume(struct pump *pump, uint8_t *buffer, struct pump_rest *rest);

/* The bytes received but not sent yet. */
size_t pump_waiting(const struct pump *pump);

/*
 * Receives; call it when no bytes wait. Returns as recv(2), with a negative
 * errno. If nothing comes before the socket's timeout (-EAGAIN), the pump gives
 * its pipe back.
 */
ssize_t pump_fill(struct pump *pump, int fd);

/* Takes off the first byte that waits. Only a new pump's first fill has one. */
uint8_t pump_take_byte(struct pump *pump);

/* Forgets the others of that fill. */
void pump_drop(struct pump *pump);

/*
 * Sends waiting bytes: all of them, or fewer if fd has no room for all. Returns
 * as send(2), with a negative errno.
 */
ssize_t pump_flush(struct pump *pump, int fd);

/*
 * Receives the bytes that are available and fit. Call it between two flushes,
 * so that the sender does not wait for a slow receiver. Returns their number;
 * ends and errors are left to pump_fill().
 */
size_t pump_top_up(struct pump *pump, int fd);

#endif
