#include "base/digest.h"

#include <string.h>
#include <sys/types.h>

#include <sha2.h>

void
digest_compute(const void *data, size_t len, struct digest *digest)
{
	SHA2_CTX context;

	SHA256Init(&context);
	SHA256Update(&context, data, len);
	SHA256Final(digest->bytes, &context);
	/* The block may hold the end of a secret. */
	explicit_bzero(&context, sizeof(context));
}

bool
digest_equal(const struct digest *a, const struct digest *b)
{
	const volatile uint8_t *x = a->bytes, *y = b->bytes;
	uint8_t difference = 0;

	for (size_t i = 0; i < DIGEST_LEN; i++)
		difference |= x[i] ^ y[i];
	return difference == 0;
}
