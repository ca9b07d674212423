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
	uint8_t auth[PROTOCOL_AUTH_MAX_LEN]; /* a digest, if the peer is ours */
	uint8_t auth_len;
	union address destination, source; /* as on the wire: maybe mapped */
};

/* Writes at most PROTOCOL_REQUEST_MAX_LEN bytes; returns how many. */
size_t protocol_encode(const struct request *request, uint8_t *data);

/*
 * Returns how many bytes of data the request took (what follows is the
 * stream), 0 if its end has not arrived yet, or -EPROTO as soon as what has
 * arrived can be no request; then *reason says why. *request is complete only
 * when the result is greater than 0.
 */
ssize_t protocol_decode(const uint8_t *data, size_t len,
    struct request *request, const char **reason);

#endif
