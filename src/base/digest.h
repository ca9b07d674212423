#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

/* SHA-256 (FIPS 180-4) of an auth string: all that travels or is kept of it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_LEN 32

struct digest {
	uint8_t bytes[DIGEST_LEN];
};

void digest_compute(const void *data, size_t len, struct digest *digest);

/* Takes the same time wherever the two differ. */
bool digest_equal(const struct digest *a, const struct digest *b);

#endif
