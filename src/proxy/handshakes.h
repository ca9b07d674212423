#ifndef PROXY_HANDSHAKES_H
#define PROXY_HANDSHAKES_H

/*
 * The pending connections, whose request has not arrived yet, grouped by
 * source, to find a source that keeps many of them open. A source is an IPv4
 * address or an IPv6 /64. The caller holds a lock during each call.
 */

#include <stddef.h>
#include <stdint.h>

#include "net/address.h"

/*
 * Sources may share a bucket by chance; the secret keeps others from choosing
 * which.
 */
#define HANDSHAKES_BUCKETS 1024

/*
 * One pending connection. The caller owns it and must not move it while it is
 * in the set.
 */
struct handshake {
	int fd;        /* lent by the caller */
	int64_t began; /* monotonic clock, milliseconds */
	size_t bucket;
	struct handshake *older, *newer; /* in the same bucket */
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

/*
 * Returns the oldest one of the source that has the most; NULL: the set is
 * empty.
 */
struct handshake *handshakes_worst(const struct handshakes *set);

#endif
