#include "route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "netlink.h"

/* Rules may tell protocols and ports apart: "to PREFIX ipproto tcp". */
static void
compose(union netlink_message *question, const union address *to, uint32_t mark)
{
	size_t raw_len;
	const uint8_t *raw = address_raw(to, &raw_len);
	uint8_t protocol = IPPROTO_TCP;
	uint16_t port = htons(address_port(to));
	struct rtmsg *asked =
	    netlink_begin(question, RTM_GETROUTE, sizeof(*asked));

	asked->rtm_family = (uint8_t)to->any.sa_family;
	asked->rtm_dst_len = (uint8_t)(raw_len * 8);
	asked->rtm_flags = RTM_F_LOOKUP_TABLE;
	netlink_add(question, RTA_DST, raw, raw_len);
	netlink_add(question, RTA_IP_PROTO, &protocol, sizeof(protocol));
	netlink_add(question, RTA_DPORT, &port, sizeof(port));
	if (mark)
		netlink_add(question, RTA_MARK, &mark, sizeof(mark));
	if (to->any.sa_family == AF_INET6 && to->v6.sin6_scope_id)
		netlink_add(question, RTA_OIF, &to->v6.sin6_scope_id,
		    sizeof(to->v6.sin6_scope_id));
}

/* The port becomes 0; an address of the link is nothing without the link. */
static void
read_gateway(
    struct netlink_part attributes, size_t raw_len, union address *gateway)
{
	struct netlink_part raw =
	    netlink_find(attributes, RTA_GATEWAY, raw_len);
	struct netlink_part link =
	    netlink_find(attributes, RTA_OIF, sizeof(uint32_t));

	gateway->any.sa_family = AF_UNSPEC;
	if (!raw.data)
		return;
	address_from_raw(gateway, raw.data, raw_len, 0);
	if (link.data && gateway->any.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_LINKLOCAL(&gateway->v6.sin6_addr))
		memcpy(&gateway->v6.sin6_scope_id, link.data, sizeof(uint32_t));
}

int
route_find(const union address *to, uint32_t mark, struct route *route)
{
	union netlink_message question, answer;
	struct netlink_part attributes, table;
	const struct rtmsg *found = NLMSG_DATA(&answer.header);
	size_t raw_len;
	int error;

	address_raw(to, &raw_len);
	compose(&question, to, mark);
	error = netlink_ask(NETLINK_ROUTE, &question, RTM_NEWROUTE, &answer);
	if (error)
		return error;
	attributes = netlink_attributes(&answer, sizeof(*found));
	table = netlink_find(attributes, RTA_TABLE, sizeof(route->table));
	route->is_local = found->rtm_type == RTN_LOCAL;
	route->is_broadcast = found->rtm_type == RTN_BROADCAST;
	route->table = found->rtm_table;
	if (table.data)
		memcpy(&route->table, table.data, sizeof(route->table));
	read_gateway(attributes, raw_len, &route->gateway);
	return 0;
}

/* Of routes that are unreachable, prohibit and blackhole, too. */
static bool
is_no_route(int error)
{
	return error == -ENETUNREACH || error == -EHOSTUNREACH ||
	    error == -EACCES || error == -EINVAL;
}

int
route_ends_here(const union address *to)
{
	struct route route;
	int error;

	/* Not bind(2): with net.ipv4.ip_nonlocal_bind that takes anything. */
	if (address_is_loopback(to))
		return 1;
	error = route_find(to, 0, &route);
	if (error)
		return is_no_route(error) ? 0 : error;
	return route.is_local;
}

int
route_is_broadcast(const union address *to)
{
	struct route route;
	int error = route_find(to, 0, &route);

	if (error)
		return is_no_route(error) ? 0 : error;
	return route.is_broadcast;
}
