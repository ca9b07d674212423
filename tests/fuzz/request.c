/* Decodes the input as a request that arrives in pieces. */

#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "proxy/protocol.h"

struct result {
	ssize_t taken;
	const char *reason;
	struct request request;
};

/*
 * Decodes from a block that ends with the data, so that a sanitizer sees a read
 * beyond it.
 */
static void
decode(const uint8_t *data, size_t len, struct result *result)
{
	uint8_t *copy = malloc(len ? len : 1);

	MUST(copy);
	memcpy(copy, data, len);
	result->reason = NULL;
	result->taken =
	    protocol_decode(copy, len, &result->request, &result->reason);
	free(copy);
}

static void
check_complete(const uint8_t *data, size_t len, const struct result *result)
{
	uint8_t again[PROTOCOL_REQUEST_MAX_LEN];
	size_t taken = (size_t)result->taken;

	/* It is complete exactly when its last byte has arrived. */
	MUST(taken == len);
	MUST(taken <= PROTOCOL_REQUEST_MAX_LEN);
	MUST(protocol_encode(&result->request, again) == taken);
	MUST(!memcmp(again, data, taken));
}

/* The result for a prefix must stay true for all that begins with it. */
static void
check_stays(const struct result *result, const struct result *before)
{
	MUST(result->taken == before->taken);
	MUST(result->reason == before->reason);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct result before = { .taken = 0 }, result;

	for (size_t part = 0; part <= len; part++) {
		decode(data, part, &result);
		if (before.taken != 0)
			check_stays(&result, &before);
		else if (result.taken > 0)
			check_complete(data, part, &result);
		else if (result.taken == 0)
			MUST(part < PROTOCOL_REQUEST_MAX_LEN);
		else
			MUST(result.taken == -EPROTO && result.reason);
		before = result;
	}
	return 0;
}
