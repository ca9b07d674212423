#include "route.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The question, and room for what is asked with it (rtnetlink(7)). */
struct query {
	struct nlmsghdr header;
	struct rtmsg route;
	uint8_t attributes[128];
};

union reply {
	struct nlmsghdr header;
	uint8_t bytes[1024];
};

static void
add_attribute(struct query *query, uint16_t type, const void *data, size_t len)
{
	struct rtattr attribute = {
		.rta_len = (uint16_t)RTA_LENGTH(len),
		.rta_type = type,
	};
	uint8_t *end = (uint8_t *)query + NLMSG_ALIGN(query->header.nlmsg_len);

	memcpy(end, &attribute, sizeof(attribute));
	memcpy(end + RTA_LENGTH(0), data, len);
	query->header.nlmsg_len =
	    (uint32_t)(end - (uint8_t *)query + RTA_SPACE(len));
}

/* Rules may tell protocols and ports apart: "to PREFIX ipproto tcp". */
static void
compose(struct query *query, const union address *to)
{
	size_t raw_len;
	const uint8_t *raw = address_raw(to, &raw_len);
	uint8_t protocol = IPPROTO_TCP;
	uint16_t port = htons(address_port(to));

	memset(query, 0, sizeof(*query));
	query->header.nlmsg_len = NLMSG_LENGTH(sizeof(query->route));
	query->header.nlmsg_type = RTM_GETROUTE;
	query->header.nlmsg_flags = NLM_F_REQUEST;
	query->route.rtm_family = (uint8_t)to->any.sa_family;
	query->route.rtm_dst_len = (uint8_t)(raw_len * 8);
	add_attribute(query, RTA_DST, raw, raw_len);
	add_attribute(query, RTA_IP_PROTO, &protocol, sizeof(protocol));
	add_attribute(query, RTA_DPORT, &port, sizeof(port));
	if (to->any.sa_family == AF_INET6 && to->v6.sin6_scope_id)
		add_attribute(query, RTA_OIF, &to->v6.sin6_scope_id,
		    sizeof(to->v6.sin6_scope_id));
}

/* The kernel has answered when send(2) returns. */
static bool
ask(const struct query *query, union reply *reply)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t len = -1;

	if (fd < 0)
		return false;
	if (send(fd, query, query->header.nlmsg_len, 0) >= 0)
		len = recv(fd, reply, sizeof(*reply), MSG_DONTWAIT);
	close(fd);
	return len >= (ssize_t)NLMSG_LENGTH(sizeof(struct rtmsg)) &&
	    reply->header.nlmsg_type == RTM_NEWROUTE;
}

/* One of rtnetlink(7), RTN_LOCAL and so on; RTN_UNSPEC: none, or unknown. */
static unsigned char
type_of(const union address *to)
{
	struct query query;
	union reply reply;
	const struct rtmsg *route = NLMSG_DATA(&reply.header);

	compose(&query, to);
	return ask(&query, &reply) ? route->rtm_type : RTN_UNSPEC;
}

bool
route_ends_here(const union address *to)
{
	/* Not bind(2): with net.ipv4.ip_nonlocal_bind that takes anything. */
	return address_is_loopback(to) || type_of(to) == RTN_LOCAL;
}

bool
route_is_broadcast(const union address *to)
{
	return type_of(to) == RTN_BROADCAST;
}
