#include "proxy/client_request.h"

#include <string.h>
#include <sys/random.h>

#include "base/must.h"
#include "base/wall_clock.h"

/* getrandom(2) gives so few bytes at once, and without an interruption. */
static size_t
encode_signed(
    struct request *request, const struct protocol_key *key, uint8_t *data)
{
	size_t len;

	request->version = 2;
	request->time_ms = wall_clock_now();
	must(getrandom(request->nonce, sizeof(request->nonce), 0) !=
	    sizeof(request->nonce));
	memcpy(request->hint, key->hint, sizeof(request->hint));
	len = protocol_encode(request, data);
	protocol_sign(&key->key, data, len);
	return len;
}

size_t
client_request_encode(const struct config *config, uint8_t version,
    enum protocol_opcode opcode, const union address *source,
    const union address *destination, uint8_t *data)
{
	struct request request = {
		.version = version,
		.opcode = opcode,
		.destination = *destination,
		.source = *source,
		.auth_len = sizeof(config->auth.bytes),
	};

	if (version == 2)
		return encode_signed(&request, &config->protocol_key, data);
	memcpy(request.auth, config->auth.bytes, request.auth_len);
	return protocol_encode(&request, data);
}

size_t
client_request_encode_check(const struct protocol_key *key, uint8_t *data)
{
	static const union address nowhere = { .any.sa_family = AF_INET };
	struct request request = {
		.opcode = PROTOCOL_CHECK,
		.destination = nowhere,
		.source = nowhere,
	};

	return encode_signed(&request, key, data);
}
