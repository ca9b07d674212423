#include "proxy/protocol.h"

#include <errno.h>
#include <string.h>

/* Version 2: what stands before the addresses. */
#define HEAD_LEN \
	(2 + PROTOCOL_TIME_LEN + PROTOCOL_NONCE_LEN + PROTOCOL_HINT_LEN)

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

void
protocol_encode_time(uint64_t time_ms, uint8_t data[PROTOCOL_TIME_LEN])
{
	for (int i = 0; i < PROTOCOL_TIME_LEN; i++)
		data[i] = (uint8_t)(time_ms >> 8 * (PROTOCOL_TIME_LEN - 1 - i));
}

uint64_t
protocol_decode_time(const uint8_t data[PROTOCOL_TIME_LEN])
{
	uint64_t time_ms = 0;

	for (int i = 0; i < PROTOCOL_TIME_LEN; i++)
		time_ms = time_ms << 8 | data[i];
	return time_ms;
}

static uint8_t *
append(uint8_t *next, const void *bytes, size_t len)
{
	memcpy(next, bytes, len);
	return next + len;
}

static uint8_t *
encode_head(const struct request *request, uint8_t *next)
{
	*next++ = request->version;
	*next++ = request->opcode;
	if (request->version == 1) {
		*next++ = request->auth_len;
		return append(next, request->auth, request->auth_len);
	}
	protocol_encode_time(request->time_ms, next);
	next += PROTOCOL_TIME_LEN;
	next = append(next, request->nonce, sizeof(request->nonce));
	return append(next, request->hint, sizeof(request->hint));
}

size_t
protocol_encode(const struct request *request, uint8_t *data)
{
	uint8_t *next = encode_head(request, data);

	next += encode_address(&request->destination, next);
	next += encode_address(&request->source, next);
	if (request->version == 2)
		next = append(
		    next, request->mac.bytes, sizeof(request->mac.bytes));
	return (size_t)(next - data);
}

void
protocol_sign(const struct hmac_key *key, uint8_t *data, size_t len)
{
	struct digest mac;

	len -= sizeof(mac.bytes);
	hmac_compute(key, data, len, &mac);
	memcpy(data + len, mac.bytes, sizeof(mac.bytes));
}

bool
protocol_is_signed(const struct hmac_key *key, const uint8_t *data, size_t len)
{
	struct digest mac, given;

	len -= sizeof(mac.bytes);
	memcpy(given.bytes, data + len, sizeof(given.bytes));
	hmac_compute(key, data, len, &mac);
	return digest_equal(&mac, &given);
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

static ssize_t
decode_head_1(const uint8_t *data, size_t len, struct request *request,
    const char **reason)
{
	if (len >= 2 && data[1] != PROTOCOL_RELAY) {
		*reason = "the second byte is not opcode 1 (relay)";
		return -EPROTO;
	}
	if (len < 3 || len < 3u + data[2])
		return 0;
	request->auth_len = data[2];
	memcpy(request->auth, data + 3, request->auth_len);
	return 3 + request->auth_len;
}

static ssize_t
decode_head_2(const uint8_t *data, size_t len, struct request *request,
    const char **reason)
{
	if (len >= 2 && data[1] != PROTOCOL_RELAY &&
	    data[1] != PROTOCOL_CHECK) {
		request->refusal = PROTOCOL_BAD_OPCODE;
		*reason = "the second byte is not opcode 1 or 2 (relay, check)";
		return -EPROTO;
	}
	if (len < HEAD_LEN)
		return 0;
	request->time_ms = protocol_decode_time(data + 2);
	data += 2 + PROTOCOL_TIME_LEN;
	memcpy(request->nonce, data, sizeof(request->nonce));
	data += sizeof(request->nonce);
	memcpy(request->hint, data, sizeof(request->hint));
	return HEAD_LEN;
}

/* The part before the addresses. */
static ssize_t
decode_head(const uint8_t *data, size_t len, struct request *request,
    const char **reason)
{
	request->refusal = PROTOCOL_MALFORMED;
	if (len >= 1 && data[0] != 1 && data[0] != 2) {
		request->refusal = PROTOCOL_BAD_VERSION;
		*reason =
		    "the first byte is not version 1 or 2 of the protocol";
		return -EPROTO;
	}
	if (len < 2)
		return 0;
	request->version = data[0];
	request->opcode = data[1];
	return request->version == 1
	    ? decode_head_1(data, len, request, reason)
	    : decode_head_2(data, len, request, reason);
}

/* The part behind the addresses. */
static ssize_t
decode_tail(const uint8_t *data, size_t len, struct request *request)
{
	if (request->version == 1)
		return 0;
	if (len < sizeof(request->mac.bytes))
		return -1;
	memcpy(request->mac.bytes, data, sizeof(request->mac.bytes));
	return sizeof(request->mac.bytes);
}

ssize_t
protocol_decode(const uint8_t *data, size_t len, struct request *request,
    const char **reason)
{
	ssize_t head, destination, source, tail;

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
	tail = decode_tail(data + source, len - (size_t)source, request);
	return tail < 0 ? 0 : head + destination + source + tail;
}
