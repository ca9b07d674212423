#include "proxy/protocol.h"

#include <errno.h>
#include <string.h>

#define VERSION 1
#define OPCODE_RELAY 1

static size_t
encode_address(const union address *address, uint8_t *data)
{
	uint16_t port = address_port(address);
	size_t raw_len;
	const uint8_t *raw = address_raw(address, &raw_len);

	data[0] = (uint8_t)raw_len;
	memcpy(data + 1, raw, raw_len);
	data[1 + raw_len] = (uint8_t)(port >> 8);
	data[2 + raw_len] = (uint8_t)port;
	return 3 + raw_len;
}

size_t
protocol_encode(const struct request *request, uint8_t *data)
{
	uint8_t *next = data;

	*next++ = VERSION;
	*next++ = OPCODE_RELAY;
	*next++ = request->auth_len;
	memcpy(next, request->auth, request->auth_len);
	next += request->auth_len;
	next += encode_address(&request->destination, next);
	next += encode_address(&request->source, next);
	return (size_t)(next - data);
}

/*
 * Like protocol_decode(), for one address. bad: the reason if its length is
 * wrong.
 */
static ssize_t
decode_address(const uint8_t *data, size_t len, union address *address,
    const char *bad, const char **reason)
{
	size_t raw_len;

	if (len < 1)
		return 0;
	raw_len = data[0];
	if (raw_len != 4 && raw_len != 16) {
		*reason = bad;
		return -EPROTO;
	}
	if (len < 3 + raw_len)
		return 0;
	address_from_raw(address, data + 1, raw_len,
	    (uint16_t)(data[1 + raw_len] << 8 | data[2 + raw_len]));
	return (ssize_t)(3 + raw_len);
}

/* The part before the addresses. */
static ssize_t
decode_head(const uint8_t *data, size_t len, struct request *request,
    const char **reason)
{
	if (len >= 1 && data[0] != VERSION) {
		*reason = "the first byte is not version 1 of the protocol";
		return -EPROTO;
	}
	if (len >= 2 && data[1] != OPCODE_RELAY) {
		*reason = "the second byte is not opcode 1 (relay)";
		return -EPROTO;
	}
	if (len < 3 || len < 3u + data[2])
		return 0;
	request->auth_len = data[2];
	memcpy(request->auth, data + 3, request->auth_len);
	return 3 + request->auth_len;
}

ssize_t
protocol_decode(const uint8_t *data, size_t len, struct request *request,
    const char **reason)
{
	ssize_t head, destination, source;

	head = decode_head(data, len, request, reason);
	if (head <= 0)
		return head;
	data += head;
	len -= (size_t)head;
	destination = decode_address(data, len, &request->destination,
	    "the destination address is not 4 or 16 bytes long", reason);
	if (destination <= 0)
		return destination;
	data += destination;
	len -= (size_t)destination;
	source = decode_address(data, len, &request->source,
	    "the source address is not 4 or 16 bytes long", reason);
	if (source <= 0)
		return source;
	return head + destination + source;
}
