#include "conntrack.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

#include "netlink.h"

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

/* Whence what comes back is, and where it goes to. */
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

int
conntrack_find_source(
    const union address *from, const union address *to, union address *seen)
{
	bool is_v4 = from->any.sa_family == AF_INET;
	union netlink_message answer;
	struct netlink_part host;
	size_t raw_len;
	int error = find_reply(from, to, &answer, &host);

	if (error)
		return error;
	address_raw(from, &raw_len);
	host = netlink_find(host, CTA_TUPLE_IP, 0);
	host =
	    netlink_find(host, is_v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, raw_len);
	if (!host.data)
		return -EPROTO;
	address_from_raw(seen, host.data, raw_len, 0);
	return 0;
}

int
conntrack_find_destination(
    const union address *from, const union address *to, union address *reached)
{
	bool is_v4 = from->any.sa_family == AF_INET;
	union netlink_message answer;
	struct netlink_part reply, host, port;
	uint16_t raw_port;
	size_t raw_len;
	int error = find_reply(from, to, &answer, &reply);

	if (error)
		return error;
	address_raw(from, &raw_len);
	host = netlink_find(reply, CTA_TUPLE_IP, 0);
	host =
	    netlink_find(host, is_v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, raw_len);
	port = netlink_find(reply, CTA_TUPLE_PROTO, 0);
	port = netlink_find(port, CTA_PROTO_SRC_PORT, sizeof(raw_port));
	if (!host.data || !port.data)
		return -EPROTO;
	memcpy(&raw_port, port.data, sizeof(raw_port));
	address_from_raw(reached, host.data, raw_len, ntohs(raw_port));
	return 0;
}
