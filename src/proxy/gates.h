#ifndef PROXY_GATES_H
#define PROXY_GATES_H

/*
 * The gates of a server half: the hosts that sent the latest requests of users,
 * at most GATES_MAX of them. Any thread may call these functions.
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
