#ifndef PROXY_CLIENT_REQUEST_H
#define PROXY_CLIENT_REQUEST_H

/* What the client half sends to a server half, in either version. */

#include "config/config.h"
#include "proxy/protocol.h"

/*
 * Writes the request of a user, or with PROTOCOL_CHECK the same as a question
 * (version 2 only). Writes at most PROTOCOL_REQUEST_MAX_LEN bytes; returns how
 * many. A request of version 2 is good for one connection, and for a minute.
 */
size_t client_request_encode(const struct config *config, uint8_t version,
    enum protocol_opcode opcode, const union address *source,
    const union address *destination, uint8_t *data);

/* Writes the question whether the server half knows this key, in version 2. */
size_t client_request_encode_check(
    const struct protocol_key *key, uint8_t *data);

#endif
