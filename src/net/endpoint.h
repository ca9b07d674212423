#ifndef NET_ENDPOINT_H
#define NET_ENDPOINT_H

/*
 * "host:port" as an operator writes it: "192.0.2.1:80", "[2001:db8::1]:80",
 * "example.net:80", ":80" (no host: all addresses of both families).
 */

#include "net/address.h"

#define ENDPOINT_MAX_ADDRESSES 16

struct endpoint {
	char host[256]; /* without brackets; "" for none */
	uint16_t port;  /* 1 to 65535 */
	/* Set by endpoint_parse() if host is numeric, AF_UNSPEC otherwise. */
	union address address;
};

/* True if endpoint_resolve() will ask the resolver. */
bool endpoint_is_name(const struct endpoint *endpoint);

/* Returns NULL, or what is wrong with the text. */
const char *endpoint_parse(const char *text, struct endpoint *endpoint);

/*
 * Fills addresses, which holds ENDPOINT_MAX_ADDRESSES, in the order in which
 * they should be tried, and sets *count. Each call asks the resolver for a
 * name, which may block for seconds (getaddrinfo(3), resolv.conf(5)). An empty
 * host is [::]. Returns NULL, or why there is no address.
 */
const char *endpoint_resolve(
    const struct endpoint *endpoint, union address *addresses, size_t *count);

#endif
