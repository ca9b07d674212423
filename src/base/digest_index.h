#ifndef BASE_DIGEST_INDEX_H
#define BASE_DIGEST_INDEX_H

/*
 * Finds what belongs to a digest in the same time however many there are. The
 * place of a digest depends on a key that nobody outside knows, and the digests
 * at that place are compared in constant time: how long a look-up takes says
 * nothing of a digest, which is the credential itself.
 *
 * All zeros is an empty index. It has no lock.
 */

#include "base/digest.h"

#define DIGEST_INDEX_KEY_LEN 16

struct digest_index {
	uint8_t key[DIGEST_INDEX_KEY_LEN]; /* random */
	struct digest_entry *entries;
	size_t count, room; /* of entries; room is a power of two, or 0 */
	uint32_t *chains;   /* room of them: the first entry, from 1; 0: none */
};

/*
 * The digest must not be there yet. The value is the caller's, and not NULL.
 * Returns 0, or -ENOMEM and the index is as it was.
 */
int digest_index_add(
    struct digest_index *index, const struct digest *digest, void *value);

/* The value, or NULL. */
void *digest_index_find(
    const struct digest_index *index, const struct digest *digest);

/* Frees the index, which is empty then; not the values. */
void digest_index_finish(struct digest_index *index);

#endif
