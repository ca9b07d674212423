#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

/*
 * An endpoint of a TCP connection: an IPv4 or IPv6 address and a port, in the
 * layout that the socket calls take (ip(7), ipv6(7)).
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "[" address "%" interface "]:" port, and the end of the string */
#define ADDRESS_STRLEN (INET6_ADDRSTRLEN + 16 + 9)

/* any.sa_family says which member holds; AF_UNSPEC: no address is known. */
union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* The length of a sockaddr, as bind(2) and connect(2) take it. */
socklen_t address_len(const union address *address);

/*
 * The address as bytes on the wire: raw_len is 4 or 16, the port is in host
 * order. address_from_raw() keeps a mapped address (::ffff:a.b.c.d) as it is;
 * address_unmap() turns it into IPv4.
 */
void address_from_raw(
    union address *address, const uint8_t *raw, size_t raw_len, uint16_t port);
const uint8_t *address_raw(const union address *address, size_t *raw_len);

/*
 * Numeric and without a port: "192.0.2.1", "2001:db8::1". The port becomes 0.
 */
bool address_parse(const char *text, union address *address);

void address_unmap(union address *address);

/* In host order. */
uint16_t address_port(const union address *address);
void address_set_port(union address *address, uint16_t port);

/* Compares addresses only; ports, scopes and flow labels do not count. */
bool address_same_host(const union address *a, const union address *b);

/* The same host and port. */
bool address_equal(const union address *a, const union address *b);

/* True unless it is unspecified, multicast or broadcast. */
bool address_is_unicast(const union address *address);
bool address_is_loopback(const union address *address);
bool address_is_unspecified(const union address *address);

/*
 * Writes "192.0.2.1:80", "[2001:db8::1]:80", or "-" for AF_UNSPEC; without the
 * port for address_format_host. Returns text, which holds ADDRESS_STRLEN bytes.
 */
const char *address_format(const union address *address, char *text);
const char *address_format_host(const union address *address, char *text);

#endif
