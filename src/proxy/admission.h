#ifndef PROXY_ADMISSION_H
#define PROXY_ADMISSION_H

/*
 * The count of live connections, and how many there may be. The acceptor enters
 * a connection before it makes the worker; the worker leaves as the very last
 * thing that it does. All functions may be called from any thread.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/handshakes.h"

/* Nobody who sends the request within that time is reset to make room. */
#define ADMISSION_GRACE_MS 250

struct admission {
	pthread_mutex_t lock;
	pthread_cond_t left; /* signalled when there may be room */
	size_t live, limit;
	bool closed;
	bool was_full;       /* and not yet well below the limit again */
	unsigned full_count; /* how many times that began */
	uint64_t entered;    /* since the start */
	struct handshakes handshakes; /* of the live ones */
	size_t evicted;               /* which have not noticed it yet */
};

/* It is for good: a worker may leave it as late as the program ends. */
void admission_init(struct admission *admission);

/* How many there may be: at first any number. Those that are there may stay. */
void admission_set_limit(struct admission *admission, size_t limit);

/* Nobody is to wait for room any more. */
void admission_close(struct admission *admission);

/*
 * 0, or, once in each time that the limit is reached, how many times that was.
 * A time ends when an eighth of the limit is free again.
 */
unsigned admission_note_full(struct admission *admission);

/* Whether admission_await_room() would return at once. */
bool admission_has_room(struct admission *admission);

/*
 * Waits for room: until there are fewer than the limit, and fewer than half of
 * it have not sent their request. To make room, the oldest one of the source
 * with the most of these is cut off, unless it is younger than
 * ADMISSION_GRACE_MS. False once the registry is closed.
 */
bool admission_await_room(struct admission *admission);

/*
 * Waits for room, where another acceptor has taken it meanwhile. Returns the
 * connection's number, from 1, never used again.
 */
uint64_t admission_enter(struct admission *admission);
void admission_leave(struct admission *admission);

/*
 * Around the time in which the connection's request is awaited: meanwhile it
 * may be cut off, and then fd comes to the end of its stream. The second one is
 * called before fd is closed, and returns true if that has been done.
 */
void admission_begin_handshake(struct admission *admission,
    struct handshake *handshake, int fd, const union address *peer);
bool admission_end_handshake(
    struct admission *admission, struct handshake *handshake);

size_t admission_live(struct admission *admission);

/*
 * Waits until no more than live connections are left, or the deadline
 * (deadline.h) has passed. Returns how many there are.
 */
size_t admission_wait(
    struct admission *admission, size_t live, int64_t deadline);

#endif
