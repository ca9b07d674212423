#ifndef PROXY_ADMISSION_H
#define PROXY_ADMISSION_H

/*
 * The number of live connections, and its limit. The acceptor enters a
 * connection before it starts the worker; leaving is the last thing that the
 * worker does. All functions may be called from any thread.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/handshakes.h"

/*
 * A pending connection is not evicted before it has had this long for its
 * request.
 */
#define ADMISSION_GRACE_MS 250

struct admission {
	pthread_mutex_t lock;
	pthread_cond_t left; /* broadcast when there may be room */
	size_t live, limit;
	atomic_bool closed; /* may be read without the lock */
	bool was_full; /* and an eighth of the limit is not yet free again */
	unsigned full_count;          /* how many times was_full became true */
	uint64_t entered;             /* since the start */
	struct handshakes handshakes; /* of the live ones */
	size_t evicted;               /* whose workers have not noticed yet */
};

/* There is no finish: a worker may still use it while the program exits. */
void admission_init(struct admission *admission);

/*
 * At first there is no limit. A lower limit does not end connections that are
 * there.
 */
void admission_set_limit(struct admission *admission, size_t limit);

/* Ends all waits for room, until it is opened again. */
void admission_close(struct admission *admission);
void admission_open(struct admission *admission);

/*
 * Returns how many times the limit has been reached since the start, but only
 * once each time; otherwise 0. It can be reached again once an eighth of the
 * limit has been free.
 */
unsigned admission_note_full(struct admission *admission);

/* Returns true if admission_await_room() would return at once. */
bool admission_has_room(struct admission *admission);

/*
 * Waits until there are fewer connections than the limit, and at most half of
 * the limit are pending (their request has not arrived). Meanwhile it evicts
 * pending connections that are older than ADMISSION_GRACE_MS: the oldest one of
 * the source that has the most, once its worker has read what has come. Returns
 * false after admission_close().
 */
bool admission_await_room(struct admission *admission);

/*
 * Enters a connection; waits for room if another acceptor was quicker. Returns
 * the connection's number: from 1, never used twice.
 */
uint64_t admission_enter(struct admission *admission);
void admission_leave(struct admission *admission);

/*
 * Enters a connection that another process had entered under that number, even
 * beyond the limit. Later numbers are higher.
 */
void admission_adopt(struct admission *admission, uint64_t number);

/* The last number, and another process's, above which this one goes on. */
uint64_t admission_entered(struct admission *admission);
void admission_number_from(struct admission *admission, uint64_t number);

/*
 * Call these before and after waiting for the request. In between the
 * connection may be evicted: fd is then shut down for reading, so that recv(2)
 * returns 0. Call the second one before fd is closed; it returns true if the
 * connection was evicted.
 */
void admission_begin_handshake(struct admission *admission,
    struct handshake *handshake, int fd, const union address *peer);
bool admission_end_handshake(
    struct admission *admission, struct handshake *handshake);

size_t admission_live(struct admission *admission);

/*
 * Waits until at most `live` connections are left, or the deadline (deadline.h)
 * has passed. Returns how many there are.
 */
size_t admission_wait(
    struct admission *admission, size_t live, int64_t deadline);

#endif
