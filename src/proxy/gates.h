#ifndef PROXY_GATES_H
#define PROXY_GATES_H

/*
 * The hosts from which requests of users came last: for a server half, its
 * gates. Only the latest GATES_MAX are known. Any thread may call these.
 */

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "net/address.h"

#define GATES_MAX 32

struct gate {
	union address address; /* without a port */
	uint64_t requests;
	int64_t last_at; /* seconds since 1970 */
};

struct gates {
	pthread_mutex_t lock;
	struct gate list[GATES_MAX]; /* the latest one first */
	size_t count;
};

void gates_init(struct gates *gates);

/* A request of a user came from peer. */
void gates_note(struct gates *gates, const union address *peer);

/* Returns how many of the copies are filled in. */
size_t gates_copy(struct gates *gates, struct gate copies[GATES_MAX]);

#endif
