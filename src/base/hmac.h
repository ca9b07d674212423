#ifndef BASE_HMAC_H
#define BASE_HMAC_H

/* The message authentication code HMAC-SHA256 (RFC 2104). */

#include "base/digest.h"

/* A key of any length. mac may be the key. */
void hmac_compute(const void *key, size_t key_len, const void *data, size_t len,
    struct digest *mac);

#endif
