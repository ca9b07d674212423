#ifndef PROXY_PROTOCOL_H
#define PROXY_PROTOCOL_H

/*
 * The request that the client half sends once, before the stream, and the
 * status byte that answers a request of version 2, as srcproxy-protocol(7)
 * describes them. Bytes only: no sockets, no policy.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "config/protocol_key.h"
#include "net/address.h"

#define PROTOCOL_AUTH_MAX_LEN 255
#define PROTOCOL_NONCE_LEN 16
/* The longest one is of version 1. */
#define PROTOCOL_REQUEST_MAX_LEN (3 + PROTOCOL_AUTH_MAX_LEN + 2 * (1 + 16 + 2))

enum protocol_opcode {
	PROTOCOL_RELAY = 1,
	PROTOCOL_CHECK = 2, /* version 2: all but the connection */
};

/*
 * The first byte of the server half's answer in version 2. Classes, and codes
 * that have the same number there: RFC 8803, section 4.2.8.
 */
enum protocol_status {
	PROTOCOL_BAD_VERSION = 0,
	PROTOCOL_MALFORMED = 1,
	PROTOCOL_BAD_OPCODE = 2,
	PROTOCOL_NOT_AUTHORIZED = 32, /* no such key, or the MAC is wrong */
	PROTOCOL_CLOCK_OFF = 40,      /* the server's time follows */
	PROTOCOL_REPLAY = 41,
	PROTOCOL_SOURCE_DENIED = 42,
	PROTOCOL_DESTINATION_DENIED = 43,
	PROTOCOL_LIMITED = 44,         /* the user's max_connections */
	PROTOCOL_EXHAUSTED = 64,       /* limits of the server half */
	PROTOCOL_NETWORK_FAILURE = 65, /* at the server half */
	PROTOCOL_REFUSED = 96,         /* by the destination */
	PROTOCOL_UNREACHABLE = 97,
	PROTOCOL_TIMED_OUT = 98,
	PROTOCOL_CONNECTED = 128, /* the destination's stream follows */
};

#define PROTOCOL_TIME_LEN 8 /* behind PROTOCOL_CLOCK_OFF, as in a request */

struct request {
	uint8_t version, opcode;
	union address destination, source; /* as on the wire: may be mapped */

	/* Version 1. */
	uint8_t auth[PROTOCOL_AUTH_MAX_LEN]; /* a digest if srcproxy sent it */
	uint8_t auth_len;

	/* Version 2. */
	uint64_t time_ms; /* since 1970 */
	uint8_t nonce[PROTOCOL_NONCE_LEN];
	uint8_t hint[PROTOCOL_HINT_LEN];
	struct digest mac;

	/* What tells the peer of -EPROTO if it speaks version 2 or later. */
	enum protocol_status refusal;
};

/*
 * Writes at most PROTOCOL_REQUEST_MAX_LEN bytes; returns how many. In version 2
 * protocol_sign() then writes the MAC.
 */
size_t protocol_encode(const struct request *request, uint8_t *data);

/* The MAC at the end of a whole request of version 2: writes it, compares it. */
void protocol_sign(const struct hmac_key *key, uint8_t *data, size_t len);
bool protocol_is_signed(
    const struct hmac_key *key, const uint8_t *data, size_t len);

/* 64 bits, big endian. */
void protocol_encode_time(uint64_t time_ms, uint8_t data[PROTOCOL_TIME_LEN]);
uint64_t protocol_decode_time(const uint8_t data[PROTOCOL_TIME_LEN]);

/*
 * Returns the length of the request in data (the stream follows it), 0 if the
 * request is not complete yet, or -EPROTO with *reason, and request->refusal, as
 * soon as a byte is wrong. *request is complete only if the result is greater
 * than 0.
 */
ssize_t protocol_decode(const uint8_t *data, size_t len,
    struct request *request, const char **reason);

#endif
