#ifndef BASE_HMAC_H
#define BASE_HMAC_H

/*
 * The message authentication code HMAC-SHA256 (RFC 2104). A key is prepared
 * once, which is two fifths of the work for a short message.
 */

#include <sys/types.h>

#include <sha2.h>

#include "base/digest.h"

struct hmac_key {
	SHA2_CTX inner, outer; /* behind the padded key */
};

/* A key of any length. */
void hmac_key_init(struct hmac_key *key, const void *bytes, size_t len);

void hmac_compute(const struct hmac_key *key, const void *data, size_t len,
    struct digest *mac);

#endif
