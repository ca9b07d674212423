#include "proxy/replay.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/deadline.h"
#include "base/log.h"
#include "base/must.h"
#include "base/wall_clock.h"

#define MIN_ROOM 64

void
replay_init(struct replay *replay)
{
	*replay = (struct replay){
		.began = deadline_now(),
		.since_ms = wall_clock_now(),
	};
	must(pthread_mutex_init(&replay->lock, NULL));
	/* Without entropy, early at boot, the address of this is all there is. */
	if (getrandom(&replay->mix, sizeof(replay->mix), GRND_NONBLOCK) < 0)
		replay->mix = (uint64_t)(uintptr_t)&replay;
	replay->mix |= 1;
}

/*
 * The slot that has the tag, or the free one where it belongs. There is always
 * a free one.
 */
static uint64_t *
find_slot(const struct replay *replay,
    const struct replay_generation *generation, uint64_t tag)
{
	size_t at = (size_t)(tag * replay->mix >> 32);

	while (generation->tags[at & (generation->room - 1)] != 0 &&
	    generation->tags[at & (generation->room - 1)] != tag)
		at++;
	return &generation->tags[at & (generation->room - 1)];
}

static bool
has(const struct replay *replay, const struct replay_generation *generation,
    uint64_t tag)
{
	return generation->room > 0 &&
	    *find_slot(replay, generation, tag) == tag;
}

static bool
grow(const struct replay *replay, struct replay_generation *generation)
{
	struct replay_generation larger = {
		.room = generation->room ? 2 * generation->room : MIN_ROOM,
		.count = generation->count,
	};

	if (larger.room > REPLAY_MAX_ROOM)
		return false;
	larger.tags = calloc(larger.room, sizeof(*larger.tags));
	if (!larger.tags)
		return false;
	for (size_t i = 0; i < generation->room; i++) {
		uint64_t tag = generation->tags[i];

		if (tag != 0)
			*find_slot(replay, &larger, tag) = tag;
	}
	free(generation->tags);
	*generation = larger;
	return true;
}

/* Returns false if there is no room. */
static bool
add(const struct replay *replay, struct replay_generation *generation,
    uint64_t tag)
{
	if (4 * generation->count >= 3 * generation->room &&
	    !grow(replay, generation))
		return false;
	*find_slot(replay, generation, tag) = tag;
	generation->count++;
	return true;
}

static void
begin_generation(struct replay *replay, int64_t now)
{
	int64_t age = now - replay->began;

	if (age < REPLAY_GENERATION_MS)
		return;
	free(replay->before.tags);
	replay->before = replay->now;
	replay->now = (struct replay_generation){ .room = 0 };
	replay->began = now;
	replay->was_full = false;
	/* What passed before the start is too old by now. */
	replay->since_ms = 0;
	if (age >= 2 * REPLAY_GENERATION_MS) {
		free(replay->before.tags);
		replay->before = (struct replay_generation){ .room = 0 };
	}
}

static void
warn_full(struct replay *replay)
{
	if (!replay->was_full)
		log_warning(
		    "requests-full count=%zu reason=\"too many requests "
		    "of version 2 in two minutes; more are refused, as "
		    "this server half could not tell them from "
		    "replays\"",
		    replay->now.count);
	replay->was_full = true;
}

enum replay_result
replay_check(struct replay *replay, uint64_t tag, uint64_t time_ms)
{
	enum replay_result result = REPLAY_NONE;

	/* 0 is a free slot. */
	tag = tag ? tag : 1;
	must(pthread_mutex_lock(&replay->lock));
	begin_generation(replay, deadline_now());
	if (has(replay, &replay->now, tag) || has(replay, &replay->before, tag))
		result = REPLAY_AGAIN;
	else if (time_ms < replay->since_ms)
		result = REPLAY_EARLY;
	else if (!add(replay, &replay->now, tag))
		result = REPLAY_FULL;
	if (result == REPLAY_FULL)
		warn_full(replay);
	must(pthread_mutex_unlock(&replay->lock));
	return result;
}

static void
copy_tags(const struct replay_generation *generation, uint8_t *next)
{
	for (size_t i = 0; i < generation->room; i++) {
		if (generation->tags[i] == 0)
			continue;
		memcpy(next, &generation->tags[i], sizeof(uint64_t));
		next += sizeof(uint64_t);
	}
}

uint8_t *
replay_describe(struct replay *replay, bool is_before, size_t *len)
{
	const struct replay_generation *generation =
	    is_before ? &replay->before : &replay->now;
	struct replay_record record = { .size = sizeof(record),
		.is_before = is_before };
	uint8_t *data;

	must(pthread_mutex_lock(&replay->lock));
	record.count = generation->count;
	record.began = replay->began;
	record.since_ms = replay->since_ms;
	*len = sizeof(record) + generation->count * sizeof(uint64_t);
	data = malloc(*len);
	if (data) {
		memcpy(data, &record, sizeof(record));
		copy_tags(generation, data + sizeof(record));
	}
	must(pthread_mutex_unlock(&replay->lock));
	return data;
}

/* With the lock. The tags are not aligned. */
static bool
add_all(const struct replay *replay, struct replay_generation *generation,
    const uint8_t *tags, size_t count)
{
	bool has_room = true;
	uint64_t tag;

	for (size_t i = 0; i < count && has_room; i++) {
		memcpy(&tag, tags + i * sizeof(tag), sizeof(tag));
		if (tag != 0 && !has(replay, generation, tag))
			has_room = add(replay, generation, tag);
	}
	return has_room;
}

bool
replay_restore(struct replay *replay, const uint8_t *data, size_t len)
{
	struct replay_record record;
	bool has_room;

	if (len < sizeof(record))
		return false;
	memcpy(&record, data, sizeof(record));
	if (record.size != sizeof(record) || record.is_before > 1 ||
	    record.count != (len - sizeof(record)) / sizeof(uint64_t) ||
	    len % sizeof(uint64_t) != 0)
		return false;
	must(pthread_mutex_lock(&replay->lock));
	begin_generation(replay, deadline_now());
	has_room =
	    add_all(replay, record.is_before ? &replay->before : &replay->now,
		data + sizeof(record), record.count);
	if (has_room && !record.is_before &&
	    record.since_ms < replay->since_ms) {
		replay->since_ms = record.since_ms;
		replay->began = record.began;
	}
	must(pthread_mutex_unlock(&replay->lock));
	return has_room;
}
