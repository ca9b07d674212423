#ifndef PROXY_REQUEST_CHECK_H
#define PROXY_REQUEST_CHECK_H

/*
 * Whether the server half may serve a request, in the order that
 * srcproxy-protocol(7) has.
 */

#include <stdbool.h>

#include "proxy/protocol.h"

struct connection;

/* The bytes read so far: the request, and any payload behind it. */
struct inbox {
	uint8_t data[PROTOCOL_REQUEST_MAX_LEN];
	struct request request;
	size_t len;    /* of the request */
	bool is_known; /* it has a user's auth or MAC, or there is no ACL */
	int status;    /* for a refusal; -1: as answer_status_of() has it */
};

/*
 * Sets source, destination and account of the connection, and whether it is a
 * check. Returns 0 if the user may connect as requested; then the connection
 * counts for the user's limit, unless it is a check. Otherwise returns a
 * negative errno, and sets tried, reason, and status if the errno is not enough.
 */
int request_check(struct connection *connection, struct inbox *inbox);

/* A check of no addresses: it only asks whether its key is known. */
bool request_check_is_greeting(const struct request *request);

#endif
