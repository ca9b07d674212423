#include "proxy/handshakes.h"

#include <string.h>
#include <sys/random.h>

#include "base/deadline.h"

/* One host may have a whole IPv6 network, a /64: these bytes of its address. */
#define IPV6_SOURCE_LEN 8

void
handshakes_init(struct handshakes *set)
{
	memset(set, 0, sizeof(*set));
	/*
	 * Early at boot there may be no randomness: then the secret can be
	 * guessed.
	 */
	if (getrandom(&set->secret, sizeof(set->secret), GRND_NONBLOCK) < 0)
		set->secret = (uint64_t)deadline_now();
}

static size_t
find_bucket(const struct handshakes *set, const union address *peer)
{
	uint64_t hash = set->secret, part = 0;

	if (peer->any.sa_family == AF_INET6)
		memcpy(&part, &peer->v6.sin6_addr, IPV6_SOURCE_LEN);
	else
		part = peer->v4.sin_addr.s_addr;
	/* The finalizer of splitmix64: each bit depends on all the others. */
	hash ^= part;
	hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
	hash ^= hash >> 31;
	return (size_t)(hash % HANDSHAKES_BUCKETS);
}

void
handshakes_add(struct handshakes *set, struct handshake *handshake, int fd,
    const union address *peer)
{
	size_t bucket = find_bucket(set, peer);
	struct handshake *newest = set->buckets[bucket].newest;

	handshake->fd = fd;
	handshake->began = deadline_now();
	handshake->bucket = bucket;
	handshake->older = newest;
	handshake->newer = NULL;
	if (newest)
		newest->newer = handshake;
	else
		set->buckets[bucket].oldest = handshake;
	set->buckets[bucket].newest = handshake;
	set->buckets[bucket].count++;
	set->count++;
}

void
handshakes_remove(struct handshakes *set, struct handshake *handshake)
{
	size_t bucket = handshake->bucket;

	if (handshake->older)
		handshake->older->newer = handshake->newer;
	else
		set->buckets[bucket].oldest = handshake->newer;
	if (handshake->newer)
		handshake->newer->older = handshake->older;
	else
		set->buckets[bucket].newest = handshake->older;
	set->buckets[bucket].count--;
	set->count--;
}

struct handshake *
handshakes_worst(const struct handshakes *set)
{
	struct handshake *worst = NULL;
	size_t most = 0;

	for (size_t i = 0; i < HANDSHAKES_BUCKETS; i++) {
		struct handshake *oldest = set->buckets[i].oldest;
		size_t count = set->buckets[i].count;

		if (!oldest || count < most ||
		    (worst && count == most && oldest->began >= worst->began))
			continue;
		most = count;
		worst = oldest;
	}
	return worst;
}
