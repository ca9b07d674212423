#include "net/address.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

socklen_t
address_len(const union address *address)
{
	return address->any.sa_family == AF_INET ? sizeof(address->v4)
						 : sizeof(address->v6);
}

void
address_from_raw(
    union address *address, const uint8_t *raw, size_t raw_len, uint16_t port)
{
	memset(address, 0, sizeof(*address));
	if (raw_len == sizeof(address->v4.sin_addr)) {
		address->v4.sin_family = AF_INET;
		memcpy(&address->v4.sin_addr, raw, raw_len);
	} else {
		address->v6.sin6_family = AF_INET6;
		memcpy(&address->v6.sin6_addr, raw, sizeof(struct in6_addr));
	}
	address_set_port(address, port);
}

const uint8_t *
address_raw(const union address *address, size_t *raw_len)
{
	if (address->any.sa_family == AF_INET) {
		*raw_len = sizeof(address->v4.sin_addr);
		return (const uint8_t *)&address->v4.sin_addr;
	}
	*raw_len = sizeof(address->v6.sin6_addr);
	return (const uint8_t *)&address->v6.sin6_addr;
}

bool
address_parse(const char *text, union address *address)
{
	uint8_t raw[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, text, raw) == 1)
		address_from_raw(address, raw, 4, 0);
	else if (inet_pton(AF_INET6, text, raw) == 1)
		address_from_raw(address, raw, 16, 0);
	else
		return false;
	return true;
}

void
address_unmap(union address *address)
{
	const uint8_t *raw = address->v6.sin6_addr.s6_addr;
	union address plain;

	if (address->any.sa_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr))
		return;
	address_from_raw(&plain, raw + 12, 4, address_port(address));
	*address = plain;
}

uint16_t
address_port(const union address *address)
{
	return ntohs(address->any.sa_family == AF_INET ? address->v4.sin_port
						       : address->v6.sin6_port);
}

void
address_set_port(union address *address, uint16_t port)
{
	if (address->any.sa_family == AF_INET)
		address->v4.sin_port = htons(port);
	else
		address->v6.sin6_port = htons(port);
}

bool
address_same_host(const union address *a, const union address *b)
{
	size_t a_len, b_len;
	const uint8_t *a_raw = address_raw(a, &a_len);
	const uint8_t *b_raw = address_raw(b, &b_len);

	return a_len == b_len && !memcmp(a_raw, b_raw, a_len);
}

bool
address_equal(const union address *a, const union address *b)
{
	return address_same_host(a, b) && address_port(a) == address_port(b);
}

bool
address_is_unicast(const union address *address)
{
	uint32_t v4;

	if (address_is_unspecified(address))
		return false;
	if (address->any.sa_family == AF_INET6)
		return !IN6_IS_ADDR_MULTICAST(&address->v6.sin6_addr);
	v4 = ntohl(address->v4.sin_addr.s_addr);
	return !IN_MULTICAST(v4) && v4 != INADDR_BROADCAST;
}

bool
address_is_loopback(const union address *address)
{
	if (address->any.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
	return ntohl(address->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

bool
address_is_unspecified(const union address *address)
{
	if (address->any.sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
	return address->v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

/* A name with a quote would end the text in JSON, in the log and for sh. */
static void
format_scope(uint32_t scope, char *text)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "._-+@";
	char name[IF_NAMESIZE];

	if (if_indextoname(scope, name) && !name[strspn(name, plain)])
		sprintf(text, "%%%s", name);
	else
		sprintf(text, "%%%" PRIu32, scope);
}

const char *
address_format_host(const union address *address, char *text)
{
	size_t raw_len;

	if (address->any.sa_family == AF_UNSPEC)
		return strcpy(text, "-");
	inet_ntop(address->any.sa_family, address_raw(address, &raw_len), text,
	    INET6_ADDRSTRLEN);
	if (address->any.sa_family == AF_INET6 && address->v6.sin6_scope_id)
		format_scope(address->v6.sin6_scope_id, text + strlen(text));
	return text;
}

const char *
address_format(const union address *address, char *text)
{
	char host[ADDRESS_STRLEN];

	address_format_host(address, host);
	if (address->any.sa_family == AF_UNSPEC)
		return strcpy(text, host);
	snprintf(text, ADDRESS_STRLEN,
	    address->any.sa_family == AF_INET ? "%.16s:%hu" : "[%.63s]:%hu",
	    host, address_port(address));
	return text;
}
