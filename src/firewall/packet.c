#include "firewall/packet.h"

#include <linux/if_ether.h>
#include <linux/netfilter.h>

#define TCP_SYN 2

void
packet_init(struct packet *packet, const union address *from,
    const union address *to, uint8_t protocol)
{
	static const enum field absent[] = { FIELD_UID, FIELD_GID,
		FIELD_TRANSPARENT, FIELD_WILDCARD, FIELD_TPROXY_PORT };
	bool is_ipv4 = to->any.sa_family == AF_INET;
	struct value *fields = packet->fields;

	for (size_t i = 0; i < FIELD_COUNT; i++)
		fields[i] =
		    i < FIELD_CT_MARK ? value_unknown : value_of_number(0);
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
	fields[FIELD_CT_STATE] = value_of_number(CT_NEW);
	for (size_t i = 0; i < sizeof(absent) / sizeof(*absent); i++)
		fields[absent[i]] = value_absent;
	for (size_t i = 0; i < 4; i++)
		fields[FIELD_CT_SADDR + i] = fields[FIELD_SADDR + i];
}

bool
packet_has(const struct packet *packet, enum field field, uint64_t number)
{
	const struct value *value = &packet->fields[field];

	return value_is_known(value) && !value->bits[0] &&
	    value->bits[1] == number;
}
