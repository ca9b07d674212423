#include "kernel/conntrack.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

#include "net/netlink.h"

#define QUESTION (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET)
#define ANSWER (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW)

static void
add_hosts(union netlink_message *question, const union address *from,
    const union address *to)
{
	bool is_v4 = from->any.sa_family == AF_INET;
	struct nlattr *hosts = netlink_nest(question, CTA_TUPLE_IP);
	size_t raw_len;
	const uint8_t *raw = address_raw(from, &raw_len);

	netlink_add(
	    question, is_v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, raw, raw_len);
	raw = address_raw(to, &raw_len);
	netlink_add(
	    question, is_v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, raw, raw_len);
	netlink_end_nest(question, hosts);
}

static void
add_ports(union netlink_message *question, const union address *from,
    const union address *to)
{
	struct nlattr *ports = netlink_nest(question, CTA_TUPLE_PROTO);
	uint16_t from_port = htons(address_port(from));
	uint16_t to_port = htons(address_port(to));
	uint8_t protocol = IPPROTO_TCP;

	netlink_add(question, CTA_PROTO_NUM, &protocol, sizeof(protocol));
	netlink_add(
	    question, CTA_PROTO_SRC_PORT, &from_port, sizeof(from_port));
	netlink_add(question, CTA_PROTO_DST_PORT, &to_port, sizeof(to_port));
	netlink_end_nest(question, ports);
}

/* Source and destination of the reply packets. */
static int
find_reply(const union address *from, const union address *to,
    union netlink_message *answer, struct netlink_part *reply)
{
	union netlink_message question;
	struct nfgenmsg *kind =
	    netlink_begin(&question, QUESTION, sizeof(*kind));
	struct nlattr *tuple = netlink_nest(&question, CTA_TUPLE_ORIG);
	int error;

	kind->nfgen_family = (uint8_t)from->any.sa_family;
	add_hosts(&question, from, to);
	add_ports(&question, from, to);
	netlink_end_nest(&question, tuple);
	error = netlink_ask(NETLINK_NETFILTER, &question, ANSWER, answer);
	if (error)
		return error;
	*reply = netlink_find(
	    netlink_attributes(answer, sizeof(*kind)), CTA_TUPLE_REPLY, 0);
	return 0;
}

/*
 * Reads one address of a tuple; in each family the attribute type says which.
 */
static int
read_host(const struct netlink_part *reply, int family, uint16_t v4_type,
    uint16_t v6_type, union address *host)
{
	bool is_v4 = family == AF_INET;
	size_t len = is_v4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	struct netlink_part part = netlink_find(*reply, CTA_TUPLE_IP, 0);

	part = netlink_find(part, is_v4 ? v4_type : v6_type, len);
	if (!part.data)
		return -EPROTO;
	address_from_raw(host, part.data, len, 0);
	return 0;
}

int
conntrack_find_source(
    const union address *from, const union address *to, union address *seen)
{
	union netlink_message answer;
	struct netlink_part reply;
	int error = find_reply(from, to, &answer, &reply);

	return error ? error
		     : read_host(&reply, from->any.sa_family, CTA_IP_V4_DST,
			   CTA_IP_V6_DST, seen);
}

int
conntrack_find_destination(
    const union address *from, const union address *to, union address *reached)
{
	union netlink_message answer;
	struct netlink_part reply, part;
	uint16_t port;
	int error = find_reply(from, to, &answer, &reply);

	if (!error)
		error = read_host(&reply, from->any.sa_family, CTA_IP_V4_SRC,
		    CTA_IP_V6_SRC, reached);
	if (error)
		return error;
	part = netlink_find(reply, CTA_TUPLE_PROTO, 0);
	part = netlink_find(part, CTA_PROTO_SRC_PORT, sizeof(port));
	if (!part.data)
		return -EPROTO;
	memcpy(&port, part.data, sizeof(port));
	address_set_port(reached, ntohs(port));
	return 0;
}
