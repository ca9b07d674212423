/* The request as it arrives: in any number of pieces, of any bytes. */

#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "proxy/protocol.h"

struct result {
	ssize_t taken;
	const char *reason;
	struct request request;
};

/* From a block that ends where the data does, to be seen reading past it. */
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

	/* As soon as it is there, and no sooner. */
	MUST(taken == len);
	MUST(taken <= PROTOCOL_REQUEST_MAX_LEN);
	MUST(protocol_encode(&result->request, again) == taken);
	MUST(!memcmp(again, data, taken));
}

/* What has been said of a beginning stays true of what begins with it. */
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
