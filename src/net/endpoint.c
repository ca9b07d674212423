#include "net/endpoint.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
parse_port(const char *text, uint16_t *port)
{
	size_t len = strspn(text, "0123456789");
	unsigned value = 0;

	if (len == 0 || len > 5 || text[len])
		return false;
	while (*text)
		value = value * 10 + (unsigned)(*text++ - '0');
	*port = (uint16_t)value;
	return value >= 1 && value <= UINT16_MAX;
}

/* Characters of a DNS name, or of an address with an interface name. */
static bool
is_host(const char *text)
{
	for (; *text; text++) {
		if (*text <= ' ' || *text >= 0x7f ||
		    strchr("[]/*@\"'`\\$", *text))
			return false;
	}
	return true;
}

const char *
endpoint_parse(const char *text, struct endpoint *endpoint)
{
	const char *colon = strrchr(text, ':');
	const char *host = text;
	struct endpoint result = { .address.any.sa_family = AF_UNSPEC };
	size_t host_len;

	if (!colon || (*text == '[' && colon > text && colon[-1] != ']'))
		return "the port is missing; write host:port";
	host_len = (size_t)(colon - text);
	if (*text == '[') {
		host++;
		host_len -= 2;
	} else if (strstr(text, "://")) {
		return "write host:port only, without the part before it";
	} else if (memchr(text, ':', host_len)) {
		return "an IPv6 address must stand in brackets; write "
		       "[address]:port";
	}
	if (host_len >= sizeof(result.host))
		return "the host name is too long";
	if (host_len == 0 && *text == '[')
		return "there is no address between the brackets";
	memcpy(result.host, host, host_len);
	if (!is_host(result.host))
		return "this is neither an address nor a host name";
	if (!parse_port(colon + 1, &result.port))
		return "the port must be a number from 1 to 65535";
	if (address_parse(result.host, &result.address)) {
		address_set_port(&result.address, result.port);
		address_unmap(&result.address);
	} else if (*result.host &&
	    !result.host[strspn(result.host, "0123456789.")]) {
		return "this is not an IPv4 address";
	} else if (*text == '[' && !strchr(result.host, ':')) {
		return "only an IPv6 address may stand in brackets";
	}
	*endpoint = result;
	return NULL;
}

bool
endpoint_is_name(const struct endpoint *endpoint)
{
	return *endpoint->host && endpoint->address.any.sa_family == AF_UNSPEC;
}

const struct endpoint *
endpoint_list_find_name(const struct endpoint_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		if (endpoint_is_name(&list->items[i]))
			return &list->items[i];
	}
	return NULL;
}

const char *
endpoint_format(const struct endpoint *endpoint, char *text)
{
	bool is_bracketed = strchr(endpoint->host, ':') != NULL;

	snprintf(text, ENDPOINT_STRLEN, "%s%s%s:%u", is_bracketed ? "[" : "",
	    endpoint->host, is_bracketed ? "]" : "", endpoint->port);
	return text;
}

/* A link-local address is another one on each link. */
static bool
has_same_link(const union address *a, const union address *b)
{
	return a->any.sa_family != AF_INET6 ||
	    a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

/* Appends the address, unless it is there already or there is no room. */
static void
add_address(
    const union address *address, union address *addresses, size_t *count)
{
	for (size_t i = 0; i < *count; i++) {
		if (address_equal(&addresses[i], address) &&
		    has_same_link(&addresses[i], address))
			return;
	}
	if (*count < ENDPOINT_MAX_ADDRESSES)
		addresses[(*count)++] = *address;
}

static const char *
add_addresses_of_name(
    const struct endpoint *endpoint, union address *addresses, size_t *count)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *entry;
	int error = getaddrinfo(endpoint->host, NULL, &hints, &list);
	bool any = false;

	if (error)
		return gai_strerror(error);
	for (entry = list; entry; entry = entry->ai_next) {
		union address address;

		if (entry->ai_addrlen > sizeof(address))
			continue;
		memcpy(&address, entry->ai_addr, entry->ai_addrlen);
		address_set_port(&address, endpoint->port);
		address_unmap(&address);
		add_address(&address, addresses, count);
		any = true;
	}
	freeaddrinfo(list);
	return any ? NULL : "the name has no address";
}

static const char *
add_addresses(
    const struct endpoint *endpoint, union address *addresses, size_t *count)
{
	union address any;

	if (endpoint_is_name(endpoint))
		return add_addresses_of_name(endpoint, addresses, count);
	address_from_raw(
	    &any, in6addr_any.s6_addr, sizeof(in6addr_any), endpoint->port);
	add_address(
	    *endpoint->host ? &endpoint->address : &any, addresses, count);
	return NULL;
}

const char *
endpoint_resolve(
    const struct endpoint *endpoint, union address *addresses, size_t *count)
{
	*count = 0;
	return add_addresses(endpoint, addresses, count);
}

const char *
endpoint_list_resolve(
    const struct endpoint_list *list, union address *addresses, size_t *count)
{
	const char *first = NULL;

	*count = 0;
	for (size_t i = 0; i < list->count; i++) {
		const char *wrong =
		    add_addresses(&list->items[i], addresses, count);

		first = first ? first : wrong;
	}
	return *count > 0 ? NULL : first;
}

void
endpoint_list_finish(struct endpoint_list *list)
{
	free(list->items);
	*list = (struct endpoint_list){ 0 };
}
