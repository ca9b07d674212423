#include "net/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/netlink.h"

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

/* The port becomes 0. A link-local address needs its interface. */
static void
read_gateway(
    struct netlink_part attributes, size_t raw_len, struct route *route)
{
	union address *gateway = &route->gateway;
	struct netlink_part raw =
	    netlink_find(attributes, RTA_GATEWAY, raw_len);

	if (!raw.data)
		return;
	address_from_raw(gateway, raw.data, raw_len, 0);
	if (gateway->any.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_LINKLOCAL(&gateway->v6.sin6_addr))
		gateway->v6.sin6_scope_id = route->interface;
}

void
route_read(const union netlink_message *message, struct route *route)
{
	const struct rtmsg *found = NLMSG_DATA(&message->header);
	struct netlink_part attributes =
	    netlink_attributes(message, sizeof(*found));
	struct netlink_part part;

	*route = (struct route){
		.is_local = found->rtm_type == RTN_LOCAL,
		.is_broadcast = found->rtm_type == RTN_BROADCAST,
		.is_anycast = found->rtm_type == RTN_ANYCAST,
		.type = found->rtm_type,
		.table = found->rtm_table,
	};
	part = netlink_find(attributes, RTA_TABLE, sizeof(route->table));
	if (part.data)
		memcpy(&route->table, part.data, sizeof(route->table));
	part = netlink_find(attributes, RTA_OIF, sizeof(route->interface));
	if (part.data)
		memcpy(&route->interface, part.data, sizeof(route->interface));
	read_gateway(attributes, found->rtm_family == AF_INET ? 4 : 16, route);
}

int
route_find(const union address *to, uint32_t mark, struct route *route)
{
	union netlink_message question, answer;
	int error;

	compose(&question, to, mark);
	error = netlink_ask(NETLINK_ROUTE, &question, RTM_NEWROUTE, &answer);
	if (!error)
		route_read(&answer, route);
	return error;
}

/* The errors of unreachable, prohibit and blackhole routes, too. */
static bool
is_no_route(int error)
{
	return error == -ENETUNREACH || error == -EHOSTUNREACH ||
	    error == -EACCES || error == -EINVAL;
}

/* Without a route the address is none of this host's. */
static int
find_if_any(const union address *to, struct route *route)
{
	int error = route_find(to, 0, route);

	if (!is_no_route(error))
		return error;
	*route = (struct route){ 0 };
	return 0;
}

/*
 * A socket for questions without netlink: -EAFNOSUPPORT if the host lacks the
 * family.
 */
static int
open_datagram(const union address *to)
{
	int fd = socket(to->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

/*
 * For a host that does not permit netlink (RestrictAddressFamilies= of a unit).
 * With net.ipv4.ip_nonlocal_bind every address looks like the host's own, and
 * is refused.
 */
static int
can_bind(const union address *to)
{
	union address any_port = *to;
	int fd = open_datagram(to);
	int error;

	if (fd < 0)
		return fd == -EAFNOSUPPORT ? 0 : fd;
	address_set_port(&any_port, 0);
	error = bind(fd, &any_port.any, address_len(&any_port));
	close(fd);
	return error == 0;
}

/*
 * The same for a broadcast address: without SO_BROADCAST connect(2) refuses it
 * (ip(7)).
 */
static int
is_forbidden(const union address *to)
{
	int fd = open_datagram(to);
	bool forbidden;

	if (fd < 0)
		return fd;
	forbidden = connect(fd, &to->any, address_len(to)) && errno == EACCES;
	close(fd);
	return forbidden;
}

bool
route_find_link(const union address *to, char name[IF_NAMESIZE])
{
	struct route route;

	return route_find(to, 0, &route) == 0 && !route.is_local &&
	    if_indextoname(route.interface, name);
}

bool
route_leads_to(const union address *to, uint32_t interface)
{
	struct route route;

	return to->any.sa_family != AF_UNSPEC &&
	    route_find(to, 0, &route) == 0 && route.interface == interface;
}

int
route_ends_here(const union address *to)
{
	struct route route;
	int error;

	/*
	 * Do not ask bind(2): with net.ipv4.ip_nonlocal_bind it accepts any
	 * address.
	 */
	if (address_is_loopback(to))
		return 1;
	error = find_if_any(to, &route);
	if (error == -EAFNOSUPPORT)
		return can_bind(to);
	return error ? error : route.is_local;
}

int
route_is_broadcast(const union address *to)
{
	struct route route;
	int error = find_if_any(to, &route);

	if (error == -EAFNOSUPPORT)
		return is_forbidden(to);
	return error ? error : route.is_broadcast;
}

int
route_is_anycast(const union address *to)
{
	struct route route;
	int error = find_if_any(to, &route);

	return error ? error : route.is_anycast;
}
