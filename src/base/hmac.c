#include "base/hmac.h"

#include <string.h>
#include <sys/types.h>

#include <sha2.h>

#define BLOCK_LEN 64

/* The digest of the block, of which each byte is changed by pad, and the data. */
static void
digest_padded(const uint8_t block[BLOCK_LEN], uint8_t pad, const void *data,
    size_t len, struct digest *digest)
{
	uint8_t padded[BLOCK_LEN];
	SHA2_CTX context;

	for (size_t i = 0; i < BLOCK_LEN; i++)
		padded[i] = block[i] ^ pad;
	SHA256Init(&context);
	SHA256Update(&context, padded, BLOCK_LEN);
	SHA256Update(&context, data, len);
	SHA256Final(digest->bytes, &context);
	explicit_bzero(&context, sizeof(context));
	explicit_bzero(padded, sizeof(padded));
}

void
hmac_compute(const void *key, size_t key_len, const void *data, size_t len,
    struct digest *mac)
{
	uint8_t block[BLOCK_LEN] = { 0 };
	struct digest inner;

	if (key_len > BLOCK_LEN)
		digest_compute(key, key_len, (struct digest *)block);
	else
		memcpy(block, key, key_len);
	digest_padded(block, 0x36, data, len, &inner);
	digest_padded(block, 0x5c, inner.bytes, sizeof(inner.bytes), mac);
	explicit_bzero(block, sizeof(block));
}
