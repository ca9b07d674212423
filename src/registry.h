#ifndef REGISTRY_H
#define REGISTRY_H

/*
 * The count of live connections. The acceptor enters a connection before it
 * makes the worker; the worker leaves as the very last thing that it does.
 * All functions may be called from any thread.
 */

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct registry {
	pthread_mutex_t lock;
	pthread_cond_t left; /* signalled when live went down */
	size_t live;
	uint64_t entered; /* since the start */
};

void registry_init(struct registry *registry);
void registry_finish(struct registry *registry);

/* Returns the connection's number, from 1, never used again. */
uint64_t registry_enter(struct registry *registry);
void registry_leave(struct registry *registry);

size_t registry_live(struct registry *registry);

/*
 * Waits until no more than live connections are left, or the deadline
 * (deadline.h) has passed. Returns how many there are.
 */
size_t registry_wait(struct registry *registry, size_t live, int64_t deadline);

#endif
