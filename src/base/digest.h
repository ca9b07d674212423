#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

/*
 * The SHA-256 digest (FIPS 180-4) of an auth string. Only the digest is sent
 * and kept.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_LEN 32

struct digest {
	uint8_t bytes[DIGEST_LEN];
};

void digest_compute(const void *data, size_t len, struct digest *digest);

/* Takes the same time whether they differ or not, and wherever. */
bool digest_equal(const struct digest *a, const struct digest *b);

#endif
