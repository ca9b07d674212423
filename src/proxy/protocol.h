#ifndef PROXY_PROTOCOL_H
#define PROXY_PROTOCOL_H

/*
 * The request that the client half sends once, before the stream, as
 * srcproxy-protocol(7) describes it. Bytes only: no sockets, no policy.
 */

#include <sys/types.h>

#include "base/digest.h"
#include "net/address.h"

#define PROTOCOL_AUTH_MAX_LEN 255
#define PROTOCOL_REQUEST_MAX_LEN (3 + PROTOCOL_AUTH_MAX_LEN + 2 * (1 + 16 + 2))

struct request {
	uint8_t auth[PROTOCOL_AUTH_MAX_LEN]; /* a digest if srcproxy sent it */
	uint8_t auth_len;
	union address destination, source; /* as on the wire: may be mapped */
};

/* Writes at most PROTOCOL_REQUEST_MAX_LEN bytes; returns how many. */
size_t protocol_encode(const struct request *request, uint8_t *data);

/*
 * Returns the length of the request in data (the stream follows it), 0 if the
 * request is not complete yet, or -EPROTO with *reason as soon as a byte is
 * wrong. *request is complete only if the result is greater than 0.
 */
ssize_t protocol_decode(const uint8_t *data, size_t len,
    struct request *request, const char **reason);

#endif
