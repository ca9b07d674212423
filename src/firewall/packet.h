#ifndef FIREWALL_PACKET_H
#define FIREWALL_PACKET_H

/*
 * A packet as firewall rules see it: a value for each thing that a rule can
 * look at. Numbers are those of the kernel: nft(8), "nft describe ct state".
 */

#include "firewall/value.h"

enum field {
	FIELD_UNKNOWN, /* anything that no other row names; never known */
	FIELD_SADDR,
	FIELD_DADDR,
	FIELD_SPORT,
	FIELD_DPORT,
	FIELD_L4PROTO,
	FIELD_NFPROTO,   /* NFPROTO_IPV4, NFPROTO_IPV6 */
	FIELD_ETHERTYPE, /* in network byte order, as "nft -n" prints it */
	FIELD_TCP_FLAGS,
	FIELD_IIF, /* names of interfaces, "" where there is none */
	FIELD_OIF,
	FIELD_PKTTYPE,
	FIELD_MARK,
	FIELD_UID, /* of the sending socket; absent in incoming packets */
	FIELD_GID,
	FIELD_SADDR_TYPE, /* of nft's fib: RTN_UNICAST, RTN_LOCAL ... */
	FIELD_DADDR_TYPE,
	FIELD_REVERSE_PATH, /* 1: the source is reached by FIELD_IIF */
	FIELD_TRANSPARENT,  /* of the receiving socket; absent: no socket */
	FIELD_WILDCARD,
	FIELD_TPROXY_PORT, /* absent: no rule gave it to a socket */
	FIELD_CT_STATE,    /* one of the CT_ bits */
	FIELD_CT_MARK,     /* from here on absent if not tracked */
	FIELD_CT_STATUS,
	FIELD_CT_DIRECTION,
	FIELD_CT_ZONE,
	FIELD_CT_SADDR, /* of the first packet, before any rewriting */
	FIELD_CT_DADDR,
	FIELD_CT_SPORT,
	FIELD_CT_DPORT,
	FIELD_CT_FIRST_ZONE, /* of the first packet; absent in that packet */
	FIELD_XT_STATE, /* of iptables(8): state and status of NAT in one */
	FIELD_COUNT,
};

enum {
	CT_INVALID = 1,
	CT_ESTABLISHED = 2,
	CT_RELATED = 4,
	CT_NEW = 8,
	CT_UNTRACKED = 64,
};

struct packet {
	struct value fields[FIELD_COUNT];
};

/*
 * Makes the first packet of a connection, a SYN if protocol is IPPROTO_TCP,
 * without a mark or a socket. from may be AF_UNSPEC: any host; its port may be
 * 0: any that clients have. Interfaces, the types of addresses and the reverse
 * path are unknown until they are set.
 */
void packet_init(struct packet *packet, const union address *from,
    const union address *to, uint8_t protocol);

/*
 * Makes it the next packet in its direction. answer: the first packet back, as
 * it is after its own way; NULL: conntrack has seen that.
 */
void packet_follow(struct packet *packet, const struct packet *answer);

/*
 * Makes *answer the first packet back, to request as it is after its own way,
 * before any rule saw the answer. Its interfaces are those of the request.
 */
void packet_answer(struct packet *answer, const struct packet *request);

/*
 * Makes it a packet of a connection of which conntrack has not seen the packet
 * before: an answer to a SYN is invalid, others may begin a new connection.
 */
void packet_lose_track(struct packet *packet);

/* Whether the field is known to be exactly that number. */
bool packet_has(const struct packet *packet, enum field field, uint64_t number);

#endif
