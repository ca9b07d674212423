#ifndef PROXY_HANDSHAKES_H
#define PROXY_HANDSHAKES_H

/*
 * Connections whose request has not come yet, by source, so that one source
 * that never sends any can be told from the others. A source is an IPv4
 * address or a /64. The caller has a lock around all of this.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/address.h"

/* Sources share them by chance, which nobody outside can foresee. */
#define HANDSHAKES_BUCKETS 1024

/* One of them; it is its caller's, and lies still while it is in the set. */
struct handshake {
	int fd;        /* lent */
	int64_t began; /* monotonic clock, milliseconds */
	size_t bucket;
	struct handshake *older, *newer; /* of the same bucket */
};

struct handshakes {
	uint64_t secret;
	size_t count;
	struct {
		struct handshake *oldest, *newest;
		size_t count;
	} buckets[HANDSHAKES_BUCKETS];
};

void handshakes_init(struct handshakes *set);

/* peer must be unmapped. */
void handshakes_add(struct handshakes *set, struct handshake *handshake, int fd,
    const union address *peer);
void handshakes_remove(struct handshakes *set, struct handshake *handshake);

/* The oldest one of the source that has the most; NULL if there is none. */
struct handshake *handshakes_worst(const struct handshakes *set);

#endif
