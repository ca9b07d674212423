#include "base/hmac.h"

#include <string.h>

#define BLOCK_LEN 64

/* More than the functions of libmd use. */
#define STACK_LEN 1024

/* Takes in the block, of which each byte is changed by pad. */
static void
begin(SHA2_CTX *context, const uint8_t block[BLOCK_LEN], uint8_t pad)
{
	uint8_t padded[BLOCK_LEN];

	for (size_t i = 0; i < BLOCK_LEN; i++)
		padded[i] = block[i] ^ pad;
	SHA256Init(context);
	SHA256Update(context, padded, BLOCK_LEN);
	explicit_bzero(padded, sizeof(padded));
}

void
hmac_key_init(struct hmac_key *key, const void *bytes, size_t len)
{
	uint8_t block[BLOCK_LEN] = { 0 };

	if (len > BLOCK_LEN)
		digest_compute(bytes, len, (struct digest *)block);
	else
		memcpy(block, bytes, len);
	begin(&key->inner, block, 0x36);
	begin(&key->outer, block, 0x5c);
	explicit_bzero(block, sizeof(block));
}

/* Where functions of libmd have left the state that they began with. */
static void __attribute__((noinline)) wipe_stack(void)
{
	uint8_t below[STACK_LEN];

	explicit_bzero(below, sizeof(below));
}

static void
finish(
    const SHA2_CTX *begun, const void *data, size_t len, struct digest *digest)
{
	SHA2_CTX context = *begun;

	SHA256Update(&context, data, len);
	SHA256Final(digest->bytes, &context);
}

void
hmac_compute(const struct hmac_key *key, const void *data, size_t len,
    struct digest *mac)
{
	struct digest inner;

	finish(&key->inner, data, len, &inner);
	finish(&key->outer, inner.bytes, sizeof(inner.bytes), mac);
	wipe_stack();
}
