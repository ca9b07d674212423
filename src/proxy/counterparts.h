#ifndef PROXY_COUNTERPARTS_H
#define PROXY_COUNTERPARTS_H

/*
 * The other halves: the gates that sent requests of users to a server half, or
 * the servers that a client half sent them to. Only the latest COUNTERPARTS_MAX
 * are known. Any thread may call these functions.
 */

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "net/address.h"

#define COUNTERPARTS_MAX 32

struct counterpart {
	union address address;
	uint64_t requests;
	int64_t last_at; /* seconds since 1970 */
};

struct counterparts {
	pthread_mutex_t lock;
	struct counterpart items[COUNTERPARTS_MAX]; /* the latest one first */
	size_t count;
};

void counterparts_init(struct counterparts *list);

/* A request of a user came from there, or went there. */
void counterparts_note(struct counterparts *list, const union address *address);

/* Returns how many of the copies are filled in. */
size_t counterparts_copy(
    struct counterparts *list, struct counterpart copies[COUNTERPARTS_MAX]);

#endif
