#include "proxy/replay.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/deadline.h"
#include "base/log.h"
#include "base/must.h"

#define MIN_ROOM 64

void
replay_init(struct replay *replay)
{
	int64_t now = deadline_now();

	*replay = (struct replay){ .began = now, .since = now };
	must(pthread_mutex_init(&replay->lock, NULL));
	/* Without entropy, early at boot, the address of this is all there is. */
	if (getrandom(&replay->mix, sizeof(replay->mix), GRND_NONBLOCK) < 0)
		replay->mix = (uint64_t)(uintptr_t)&replay;
	replay->mix |= 1;
}

/*
 * The slot that has the tag, or the free one where it belongs. There is always
 * a free one. The highest bits of the product depend on all bits of the tag;
 * without an ACL, strangers choose those.
 */
static uint64_t *
find_slot(const struct replay *replay,
    const struct replay_generation *generation, uint64_t tag)
{
	int bits = __builtin_ctzll(generation->room);
	size_t at = (size_t)(tag * replay->mix >> (64 - bits));

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
	if (age >= 2 * REPLAY_GENERATION_MS) {
		free(replay->before.tags);
		replay->before = (struct replay_generation){ .room = 0 };
	}
}

static void
warn_full(size_t count)
{
	log_warning("requests-full count=%zu reason=\"too many requests of "
		    "version 2 in two minutes; this server half cannot tell "
		    "more of them from replays, and refuses them if it has an "
		    "ACL\"",
	    count);
}

enum replay_result
replay_check(struct replay *replay, uint64_t tag, int64_t age_ms)
{
	enum replay_result result = REPLAY_NONE;
	bool is_news;
	size_t count;
	int64_t now;

	/* 0 is a free slot. */
	tag = tag ? tag : 1;
	must(pthread_mutex_lock(&replay->lock));
	now = deadline_now();
	begin_generation(replay, now);
	if (has(replay, &replay->now, tag) || has(replay, &replay->before, tag))
		result = REPLAY_AGAIN;
	else if (age_ms > now - replay->since)
		result = REPLAY_EARLY;
	else if (!add(replay, &replay->now, tag))
		result = REPLAY_FULL;
	if (result == REPLAY_NONE)
		replay->added++;
	is_news = result == REPLAY_FULL && !replay->was_full;
	replay->was_full |= is_news;
	count = replay->now.count;
	must(pthread_mutex_unlock(&replay->lock));
	if (is_news)
		warn_full(count);
	return result;
}

uint64_t
replay_added(struct replay *replay)
{
	uint64_t added;

	must(pthread_mutex_lock(&replay->lock));
	added = replay->added;
	must(pthread_mutex_unlock(&replay->lock));
	return added;
}

/* Returns where the next ones go. */
static uint8_t *
copy_tags(const struct replay_generation *generation, uint8_t *next)
{
	for (size_t i = 0; i < generation->room; i++) {
		if (generation->tags[i] == 0)
			continue;
		memcpy(next, &generation->tags[i], sizeof(uint64_t));
		next += sizeof(uint64_t);
	}
	return next;
}

/*
 * Both generations with one lock: a tag changes from one to the other when a
 * generation begins.
 */
uint8_t *
replay_describe(struct replay *replay, size_t *len)
{
	struct replay_record record = { .size = sizeof(record) };
	uint8_t *data;

	must(pthread_mutex_lock(&replay->lock));
	begin_generation(replay, deadline_now());
	record.before_count = replay->before.count;
	record.now_count = replay->now.count;
	record.began = replay->began;
	record.since = replay->since;
	*len = sizeof(record) +
	    (record.before_count + record.now_count) * sizeof(uint64_t);
	data = malloc(*len);
	if (data) {
		memcpy(data, &record, sizeof(record));
		copy_tags(&replay->now,
		    copy_tags(&replay->before, data + sizeof(record)));
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

/*
 * With the lock, and before the tags. What is restored must stay for as long as
 * it would there, so a generation may only last longer.
 */
static void
adopt_times(struct replay *replay, const struct replay_record *record)
{
	if (record->since < replay->since) {
		replay->since = record->since;
		replay->began = record->began;
	} else if (record->began > replay->began) {
		replay->began = record->began;
	}
}

static bool
read_record(const uint8_t *data, size_t len, struct replay_record *record)
{
	size_t count;

	if (len < sizeof(*record) || len % sizeof(uint64_t) != 0)
		return false;
	count = (len - sizeof(*record)) / sizeof(uint64_t);
	memcpy(record, data, sizeof(*record));
	return record->size == sizeof(*record) &&
	    record->before_count <= count &&
	    record->now_count == count - record->before_count;
}

bool
replay_restore(struct replay *replay, const uint8_t *data, size_t len)
{
	const uint8_t *tags = data + sizeof(struct replay_record);
	struct replay_record record;
	bool has_room;

	if (!read_record(data, len, &record))
		return false;
	must(pthread_mutex_lock(&replay->lock));
	begin_generation(replay, deadline_now());
	adopt_times(replay, &record);
	has_room =
	    add_all(replay, &replay->before, tags, record.before_count) &&
	    add_all(replay, &replay->now,
		tags + record.before_count * sizeof(uint64_t),
		record.now_count);
	must(pthread_mutex_unlock(&replay->lock));
	return has_room;
}
