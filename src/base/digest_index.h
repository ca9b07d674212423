#ifndef BASE_DIGEST_INDEX_H
#define BASE_DIGEST_INDEX_H

/*
 * A hash table from digests to values. A look-up takes the same time however
 * many entries there are. The slot of a digest depends on a random key that
 * nobody outside knows, and the digests in a slot are compared in constant
 * time. So the time of a look-up reveals nothing about a digest, which is the
 * credential itself.
 *
 * All zeros is an empty index. It has no lock.
 */

#include "base/digest.h"

#define DIGEST_INDEX_KEY_LEN 16

struct digest_index {
	uint8_t key[DIGEST_INDEX_KEY_LEN]; /* random */
	struct digest_entry *entries;
	size_t count, room; /* of entries; room is a power of two, or 0 */
	uint32_t *
	    chains; /* room of them: the first entry, counted from 1; 0: none */
};

/*
 * The digest must not be in the index yet. The caller owns the value, which is
 * not NULL. Returns 0, or -ENOMEM and the index is unchanged.
 */
int digest_index_add(
    struct digest_index *index, const struct digest *digest, void *value);

/* The value, or NULL. */
void *digest_index_find(
    const struct digest_index *index, const struct digest *digest);

/* Frees and empties the index, but does not free the values. */
void digest_index_finish(struct digest_index *index);

#endif
