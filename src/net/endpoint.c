#include "net/endpoint.h"

#include <netdb.h>
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

static bool
is_among(const union address *address, const union address *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].any.sa_family == address->any.sa_family &&
		    address_same_host(&list[i], address))
			return true;
	}
	return false;
}

bool
endpoint_is_name(const struct endpoint *endpoint)
{
	return *endpoint->host && endpoint->address.any.sa_family == AF_UNSPEC;
}

const char *
endpoint_resolve(
    const struct endpoint *endpoint, union address *addresses, size_t *count)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *entry;
	int error;

	*count = 0;
	if (endpoint->address.any.sa_family != AF_UNSPEC) {
		addresses[(*count)++] = endpoint->address;
		return NULL;
	}
	if (!*endpoint->host) {
		address_from_raw(&addresses[(*count)++], in6addr_any.s6_addr,
		    sizeof(in6addr_any), endpoint->port);
		return NULL;
	}
	error = getaddrinfo(endpoint->host, NULL, &hints, &list);
	if (error)
		return gai_strerror(error);
	for (entry = list; entry && *count < ENDPOINT_MAX_ADDRESSES;
	     entry = entry->ai_next) {
		union address *address = &addresses[*count];

		if (entry->ai_addrlen > sizeof(*address))
			continue;
		memcpy(address, entry->ai_addr, entry->ai_addrlen);
		address_set_port(address, endpoint->port);
		address_unmap(address);
		if (!is_among(address, addresses, *count))
			(*count)++;
	}
	freeaddrinfo(list);
	return *count ? NULL : "the name has no address";
}
