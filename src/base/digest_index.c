#include "base/digest_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>

#define ROOM_MIN 16

struct digest_entry {
	struct digest digest;
	void *value;
	uint32_t next; /* of the chain, counted from 1; 0: none */
};

/* The kernel gives each program random bytes, and their address as a number. */
static void
copy_auxiliary(uint8_t key[DIGEST_INDEX_KEY_LEN])
{
	unsigned long address = getauxval(AT_RANDOM);
	const void *bytes;

	memcpy(&bytes, &address, sizeof(bytes));
	memcpy(key, bytes, DIGEST_INDEX_KEY_LEN);
}

/*
 * getrandom(2) may have no entropy yet early at boot; getauxval(3) always has.
 */
static void
key_init(uint8_t key[DIGEST_INDEX_KEY_LEN])
{
	if (getrandom(key, DIGEST_INDEX_KEY_LEN, GRND_NONBLOCK) !=
	    DIGEST_INDEX_KEY_LEN)
		copy_auxiliary(key);
}

/*
 * Few entries share one chain: comparing all of them takes less time than the
 * hash, and shows as little.
 */
static uint32_t *
find_chain(const struct digest_index *index, const struct digest *digest)
{
	uint8_t keyed[DIGEST_INDEX_KEY_LEN + DIGEST_LEN];
	struct digest hash;
	uint32_t number;

	if (index->room == ROOM_MIN)
		return index->chains;
	memcpy(keyed, index->key, DIGEST_INDEX_KEY_LEN);
	memcpy(keyed + DIGEST_INDEX_KEY_LEN, digest->bytes, DIGEST_LEN);
	digest_compute(keyed, sizeof(keyed), &hash);
	memcpy(&number, hash.bytes, sizeof(number));
	return &index->chains[number & (index->room - 1)];
}

static void
link_entry(struct digest_index *index, size_t i)
{
	uint32_t *chain = find_chain(index, &index->entries[i].digest);

	index->entries[i].next = *chain;
	*chain = (uint32_t)i + 1;
}

static int
grow(struct digest_index *index)
{
	size_t room = index->room ? index->room * 2 : ROOM_MIN;
	uint32_t *chains = calloc(room, sizeof(*chains));
	struct digest_entry *entries =
	    chains ? realloc(index->entries, room * sizeof(*entries)) : NULL;

	if (!entries) {
		free(chains);
		return -ENOMEM;
	}
	if (index->room == 0)
		key_init(index->key);
	free(index->chains);
	index->entries = entries;
	index->chains = chains;
	index->room = room;
	for (size_t i = 0; i < index->count; i++)
		link_entry(index, i);
	return 0;
}

int
digest_index_add(
    struct digest_index *index, const struct digest *digest, void *value)
{
	if (index->count == index->room && grow(index))
		return -ENOMEM;
	index->entries[index->count].digest = *digest;
	index->entries[index->count].value = value;
	link_entry(index, index->count++);
	return 0;
}

/*
 * Always walk the whole chain, so that the time does not show where the digest
 * is.
 */
void *
digest_index_find(const struct digest_index *index, const struct digest *digest)
{
	void *found = NULL;
	uint32_t at = index->room ? *find_chain(index, digest) : 0;

	for (; at; at = index->entries[at - 1].next) {
		if (digest_equal(&index->entries[at - 1].digest, digest))
			found = index->entries[at - 1].value;
	}
	return found;
}

void
digest_index_finish(struct digest_index *index)
{
	free(index->entries);
	free(index->chains);
	*index = (struct digest_index){ .room = 0 };
}
