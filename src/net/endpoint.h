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

struct endpoint_list {
	struct endpoint *items;
	size_t count;
};

/* a host in brackets, a colon, a port, and the end of the string */
#define ENDPOINT_STRLEN (sizeof(((struct endpoint *)0)->host) + 8)

/* True if endpoint_resolve() will ask the resolver. */
bool endpoint_is_name(const struct endpoint *endpoint);

/* The first of them for which that is true, or NULL. */
const struct endpoint *endpoint_list_find_name(
    const struct endpoint_list *list);

/* Writes it as an operator does, to ENDPOINT_STRLEN bytes. Returns text. */
const char *endpoint_format(const struct endpoint *endpoint, char *text);

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

/*
 * The same for all of them, each address once. The list has no address only if
 * no endpoint has one: the reason is that of the first.
 */
const char *endpoint_list_resolve(
    const struct endpoint_list *list, union address *addresses, size_t *count);

/* Frees what is in it. */
void endpoint_list_finish(struct endpoint_list *list);

#endif
