#include "firewall/packet.h"

#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <net/if.h>
#include <string.h>

#define TCP_SYN 2

struct value
value_of_number(uint64_t number)
{
	struct value value = { .state = VALUE_KNOWN };

	for (size_t i = sizeof(value.bytes); number; number >>= 8)
		value.bytes[--i] = (uint8_t)number;
	return value;
}

struct value
value_of_address(const union address *address)
{
	struct value value = { .state = VALUE_UNKNOWN };
	size_t len;
	const uint8_t *raw;

	if (address->any.sa_family == AF_UNSPEC)
		return value;
	raw = address_raw(address, &len);
	value.state = VALUE_KNOWN;
	memcpy(value.bytes, raw, len);
	return value;
}

struct value
value_of_name(const char *name)
{
	struct value value = { .state = VALUE_KNOWN };

	memcpy(value.bytes, name, strnlen(name, IF_NAMESIZE));
	return value;
}

uint64_t
value_number(const struct value *value)
{
	uint64_t number = 0;

	for (size_t i = 8; i < sizeof(value->bytes); i++)
		number = number << 8 | value->bytes[i];
	return number;
}

bool
field_is_name(enum field field)
{
	return field == FIELD_IIF || field == FIELD_OIF;
}

bool
field_is_address(enum field field)
{
	return field == FIELD_SADDR || field == FIELD_DADDR ||
	    field == FIELD_CT_SADDR || field == FIELD_CT_DADDR;
}

void
packet_init(struct packet *packet, const union address *from,
    const union address *to, uint8_t protocol)
{
	bool is_ipv4 = to->any.sa_family == AF_INET;
	struct value *fields = packet->fields;
	const struct value absent = { .state = VALUE_ABSENT };

	memset(packet, 0, sizeof(*packet));
	fields[FIELD_SADDR] = value_of_address(from);
	fields[FIELD_DADDR] = value_of_address(to);
	if (from->any.sa_family != AF_UNSPEC && address_port(from))
		fields[FIELD_SPORT] = value_of_number(address_port(from));
	fields[FIELD_DPORT] = value_of_number(address_port(to));
	fields[FIELD_L4PROTO] = value_of_number(protocol);
	fields[FIELD_NFPROTO] =
	    value_of_number(is_ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
	fields[FIELD_ETHERTYPE] =
	    value_of_number(is_ipv4 ? ETH_P_IP : ETH_P_IPV6);
	fields[FIELD_TCP_FLAGS] = value_of_number(TCP_SYN);
	fields[FIELD_PKTTYPE] = fields[FIELD_MARK] = value_of_number(0);
	fields[FIELD_UID] = fields[FIELD_GID] = absent;
	fields[FIELD_TRANSPARENT] = fields[FIELD_WILDCARD] = absent;
	fields[FIELD_TPROXY_PORT] = absent;
	fields[FIELD_CT_STATE] = value_of_number(CT_NEW);
	for (size_t i = FIELD_CT_MARK; i <= FIELD_CT_ZONE; i++)
		fields[i] = value_of_number(0);
	for (size_t i = 0; i < 4; i++)
		fields[FIELD_CT_SADDR + i] = fields[FIELD_SADDR + i];
}

bool
packet_has(const struct packet *packet, enum field field, uint64_t number)
{
	const struct value *value = &packet->fields[field];

	return value->state == VALUE_KNOWN && !value->unknown_bits &&
	    value_number(value) == number;
}
