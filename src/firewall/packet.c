#include "firewall/packet.h"

#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>

#include "base/array.h"

#define TCP_SYN 2
#define TCP_SYN_ACK 0x12
#define TCP_ACK 0x10
#define TCP_PSH_ACK 0x18
#define DIRECTION_REPLY 1
#define NAT_FLAGS (IPS_SRC_NAT | IPS_DST_NAT)

/* By default clients have a port from 32768 on: ip_local_port_range of ip(7). */
static const struct value ephemeral_port = { .bits = { 0, 0x8000 },
	.unknown = { 0, 0x7fff } };

void
packet_init(struct packet *packet, const union address *from,
    const union address *to, uint8_t protocol)
{
	static const enum field absent[] = { FIELD_UID, FIELD_GID,
		FIELD_TRANSPARENT, FIELD_WILDCARD, FIELD_TPROXY_PORT,
		FIELD_CT_FIRST_ZONE };
	bool is_ipv4 = to->any.sa_family == AF_INET;
	struct value *fields = packet->fields;

	for (size_t i = 0; i < FIELD_COUNT; i++)
		fields[i] =
		    i < FIELD_CT_MARK ? value_unknown : value_of_number(0);
	fields[FIELD_SADDR] = value_of_address(from);
	fields[FIELD_DADDR] = value_of_address(to);
	fields[FIELD_SPORT] = ephemeral_port;
	if (from->any.sa_family != AF_UNSPEC && address_port(from))
		fields[FIELD_SPORT] = value_of_number(address_port(from));
	fields[FIELD_DPORT] = value_of_number(address_port(to));
	fields[FIELD_L4PROTO] = value_of_number(protocol);
	fields[FIELD_NFPROTO] =
	    value_of_number(is_ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
	fields[FIELD_ETHERTYPE] =
	    value_of_number(htons(is_ipv4 ? ETH_P_IP : ETH_P_IPV6));
	fields[FIELD_TCP_FLAGS] = value_of_number(TCP_SYN);
	fields[FIELD_PKTTYPE] = fields[FIELD_MARK] = value_of_number(0);
	fields[FIELD_CT_STATE] = value_of_number(CT_NEW);
	for (size_t i = 0; i < COUNT(absent); i++)
		fields[absent[i]] = value_absent;
	for (size_t i = 0; i < 4; i++)
		fields[FIELD_CT_SADDR + i] = fields[FIELD_SADDR + i];
}

void
packet_lose_track(struct packet *packet)
{
	for (size_t i = FIELD_CT_STATE; i < FIELD_CT_ZONE; i++)
		packet->fields[i] = value_unknown;
	if (packet_has(packet, FIELD_TCP_FLAGS, TCP_SYN_ACK) ||
	    packet_has(packet, FIELD_TCP_FLAGS, TCP_ACK))
		packet->fields[FIELD_CT_STATE] = value_of_number(CT_INVALID);
}

static bool
is_tracked(const struct packet *packet)
{
	return !packet_has(packet, FIELD_CT_STATE, CT_UNTRACKED) &&
	    !packet_has(packet, FIELD_CT_STATE, CT_INVALID);
}

static void
set_established(struct packet *packet, uint64_t flags, bool is_known)
{
	struct value *status = &packet->fields[FIELD_CT_STATUS];

	packet->fields[FIELD_TCP_FLAGS] = value_of_number(flags);
	packet->fields[FIELD_CT_STATE] = value_of_number(CT_ESTABLISHED);
	*status = value_combine('|',
	    value_combine('&', *status, value_of_number(NAT_FLAGS)),
	    value_of_number(IPS_SEEN_REPLY | IPS_CONFIRMED));
	if (!is_known)
		packet_lose_track(packet);
}

void
packet_follow(struct packet *packet, const struct packet *answer)
{
	if (!packet_has(packet, FIELD_CT_STATE, CT_UNTRACKED))
		set_established(packet, TCP_ACK, !answer || is_tracked(answer));
	packet->fields[FIELD_TCP_FLAGS] = value_of_number(TCP_ACK);
}

/* Conntrack keeps its own fields of the first packet, but not its mark. */
void
packet_answer(struct packet *answer, const struct packet *request)
{
	static const enum field pairs[][2] = { { FIELD_SADDR, FIELD_DADDR },
		{ FIELD_SPORT, FIELD_DPORT },
		{ FIELD_SADDR_TYPE, FIELD_DADDR_TYPE } };
	bool is_first = packet_has(request, FIELD_TCP_FLAGS, TCP_SYN);
	struct value *fields;

	*answer = *request;
	fields = answer->fields;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		fields[pairs[i][0]] = request->fields[pairs[i][1]];
		fields[pairs[i][1]] = request->fields[pairs[i][0]];
	}
	fields[FIELD_CT_DIRECTION] = value_of_number(DIRECTION_REPLY);
	set_established(
	    answer, is_first ? TCP_SYN_ACK : TCP_PSH_ACK, is_tracked(request));
	fields[FIELD_CT_FIRST_ZONE] = request->fields[FIELD_CT_ZONE];
	fields[FIELD_CT_ZONE] = fields[FIELD_MARK] = value_of_number(0);
	fields[FIELD_UID] = fields[FIELD_GID] = value_unknown;
	fields[FIELD_TPROXY_PORT] = value_absent;
}

bool
packet_has(const struct packet *packet, enum field field, uint64_t number)
{
	const struct value *value = &packet->fields[field];

	return value_is_known(value) && !value->bits[0] &&
	    value->bits[1] == number;
}
