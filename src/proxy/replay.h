#ifndef PROXY_REPLAY_H
#define PROXY_REPLAY_H

/*
 * The requests of version 2 that were served lately, so that none is served
 * twice. Each has a tag of 64 bits, and there are two generations of tags. A
 * look-up takes a lock and a few comparisons in each. A generation grows by
 * doubling; it takes 11 to 21 bytes a request, and at most 8 MiB. It begins
 * when the one before is REPLAY_GENERATION_MS old, and the one before that is
 * forgotten then. So a tag stays for at least one such time, which covers all
 * the times at which its request can pass. All times here are of the monotonic
 * clock, so that nothing is forgotten early when the time of day is set.
 *
 * Any thread may call these functions.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How far the clock of the client half may be from ours. */
#define REPLAY_WINDOW_MS 60000

/* A second more than both sides of the window, as clocks are adjusted. */
#define REPLAY_GENERATION_MS (2 * REPLAY_WINDOW_MS + 1000)

/* The most slots of a generation, of which three quarters are used. */
#define REPLAY_MAX_ROOM (1 << 20)

enum replay_result {
	REPLAY_NONE,  /* a new request: remembered now */
	REPLAY_AGAIN, /* remembered already */
	REPLAY_EARLY, /* from before the time that we remember */
	REPLAY_FULL,  /* there is no room for it */
};

struct replay_generation {
	uint64_t *tags; /* 0: a free slot */
	size_t room;    /* a power of two, or 0 */
	size_t count;
};

struct replay {
	pthread_mutex_t lock;
	struct replay_generation now, before;
	int64_t began;  /* now; milliseconds */
	int64_t since;  /* older requests are not remembered; milliseconds */
	uint64_t added; /* tags, since the start */
	uint64_t mix;   /* random, so that nobody can fill one place */
	bool was_full;  /* in this generation: warned of */
};

void replay_init(struct replay *replay);

/*
 * Remembers the request, if it was not yet. age_ms: since it was made, by the
 * time of day; 0 if that is not known.
 */
enum replay_result replay_check(
    struct replay *replay, uint64_t tag, int64_t age_ms);

/* How many requests were remembered since the start. */
uint64_t replay_added(struct replay *replay);

/* Both generations, as another process takes them over. The tags follow. */
struct replay_record {
	uint32_t size; /* of this record, as of all others */
	uint32_t unused;
	uint64_t before_count, now_count; /* tags of each, in this order */
	int64_t began, since;
};

/*
 * Returns the record and the tags, *len bytes that the caller frees; NULL: no
 * memory.
 */
uint8_t *replay_describe(struct replay *replay, size_t *len);

/*
 * Adds what another process of this boot remembers. Then this one remembers as
 * long as the other did, not only since its own start. Returns false if the
 * record makes no sense, or there is no room.
 */
bool replay_restore(struct replay *replay, const uint8_t *data, size_t len);

#endif
