#include "proxy/source_bind.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/descriptor.h"
#include "config/config.h"
#include "net/host_address.h"
#include "net/route.h"
#include "net/socket.h"
#include "proxy/role.h"

int
source_bind_set_transparent(int fd, int family)
{
	int on = 1;

	if (family == AF_INET
		? setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on))
		: setsockopt(
		      fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof(on)))
		return -errno;
	return 0;
}

int
source_bind_set_freebind(int fd)
{
	int on = 1;

	/*
	 * IPPROTO_IP serves both families: it works on AF_INET6 sockets, too.
	 */
	if (setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)))
		return -errno;
	return 0;
}

bool
source_bind_is_transparent(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool permitted;

	if (fd < 0)
		return false;
	permitted = source_bind_set_transparent(fd, family) == 0;
	close(fd);
	return permitted;
}

/*
 * SO_REUSEADDR lets one source address and port connect to several
 * destinations, and again to the same one while its last connection is in
 * TIME_WAIT. late: the kernel chooses the port at connect(2), when it knows the
 * destination, so that a port can serve several.
 */
static int
open_unbound(const union address *source, bool late)
{
	int fd = socket_open(source->any.sa_family);
	int on = 1;

	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (late)
		setsockopt(
		    fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return fd;
}

int
source_bind_open(const union address *source)
{
	int fd = open_unbound(source, address_port(source) == 0);

	if (fd >= 0) {
		source_bind_set_freebind(fd);
		source_bind_set_transparent(fd, source->any.sa_family);
	}
	return fd;
}

/*
 * The subnet-router anycast address (RFC 4291) ends in zeros: at least two
 * bits.
 */
static bool
may_be_anycast(const union address *source)
{
	return source->any.sa_family == AF_INET6 &&
	    (source->v6.sin6_addr.s6_addr[15] & 3) == 0;
}

/* If the kernel cannot say whose address it is, refuse. */
static int
refuse_unknown(struct connection *connection, int error)
{
	connection->tried = "see whether the source is this host's own address";
	if (error == -EAFNOSUPPORT)
		connection->reason =
		    "netlink, which knows this host's addresses, is not "
		    "permitted (RestrictAddressFamilies=AF_NETLINK)";
	return error;
}

/*
 * A user with an address of this host could reach its services over lo, past
 * the firewall.
 */
static int
refuse_own(struct connection *connection, int is_own)
{
	if (is_own == 0 || connection->may_be_host)
		return 0;
	if (is_own < 0)
		return refuse_unknown(connection, is_own);
	connection->reason =
	    "this source is this host's own address; only a single address in "
	    "allowed_src_ips, not a prefix, permits it";
	return -ENOTUNIQ;
}

/* Returns whether the source is this host's own, or a negative errno. */
static int
is_of_host(const union address *source, bool is_bound)
{
	int is_listed = is_bound ? host_address_is(source) : 0;

	if (is_listed == 0 && may_be_anycast(source))
		return route_is_anycast(source);
	return is_listed;
}

/*
 * is_bound: bind(2) succeeded without IP_FREEBIND. Then the source is the
 * host's own address, one that a route of type local delivers here, or a
 * broadcast address, which the kernel would replace by its own at connect(2).
 * Only then the kernel has to be asked which of these it is; otherwise only an
 * anycast address could be the host's. A tentative IPv6 address
 * (RFC 4862) is not the host's yet: packets to it are not delivered.
 */
static int
check_source(
    struct connection *connection, const union address *source, bool is_bound)
{
	int is_broadcast = is_bound && source->any.sa_family == AF_INET
	    ? route_is_broadcast(source)
	    : 0;

	if (is_broadcast < 0)
		return refuse_unknown(connection, is_broadcast);
	if (is_broadcast) {
		connection->reason = "nobody can send from this source, a "
				     "broadcast address of this host's link";
		return -EPROTO;
	}
	return refuse_own(connection, is_of_host(source, is_bound));
}

static int
bind_source(struct connection *connection, int fd, const union address *source)
{
	bool is_bound = bind(fd, &source->any, address_len(source)) == 0;
	int error = is_bound ? 0 : -errno;

	connection->tried = "bind to the source";
	/* All else is the port's fault, and may be over at the second try. */
	if (!is_bound && error != -EADDRNOTAVAIL)
		return error;
	error = check_source(connection, source, is_bound);
	if (error)
		return error;
	source_bind_set_freebind(fd);
	source_bind_set_transparent(fd, source->any.sa_family);
	if (!is_bound && bind(fd, &source->any, address_len(source)))
		return -errno;
	return 0;
}

/*
 * Returns why the port cannot be used; NULL: the failure has another cause.
 * Each errno means the port at one of the two steps only: connect(2) returns
 * EACCES for a prohibit route, and bind(2) EADDRNOTAVAIL without IP_FREEBIND.
 */
static const char *
explain_port(bool is_bound, int error)
{
	if (!is_bound && error == -EADDRINUSE)
		return "another socket of this host has the source port";
	if (!is_bound && error == -EACCES)
		return "the source port is below 1024, which needs "
		       "CAP_NET_BIND_SERVICE";
	if (is_bound && error == -EADDRNOTAVAIL)
		return "the source and its port are in use towards this "
		       "destination";
	return NULL;
}

/*
 * Whether this host can send from the source to the destination. connect(2) of
 * UDP sends nothing, and fails as that of TCP does if there is no route, or one
 * that forbids it.
 */
static bool
has_route(union address source, const union address *destination)
{
	int family = source.any.sa_family;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool can_send;

	if (fd < 0)
		return false;
	source_bind_set_freebind(fd);
	source_bind_set_transparent(fd, family);
	address_set_port(&source, 0);
	can_send = bind(fd, &source.any, address_len(&source)) == 0 &&
	    connect(fd, &destination->any, address_len(destination)) == 0;
	close(fd);
	return can_send;
}

/*
 * The errno of connect(2) does not say whether this host has no route, or
 * another host has sent an ICMP error (icmp(7), RFC 4443). Makes EHOSTUNREACH of
 * those that others sent; the reason keeps the errno.
 */
static int
find_cause(
    struct connection *connection, const union address *source, int error)
{
	switch (error) {
	case -ENETUNREACH:
	case -EHOSTDOWN:
	case -ENONET:
	case -ENOPROTOOPT:
	case -EOPNOTSUPP:
	case -EACCES:
	case -EPROTO:
		if (!has_route(*source, &connection->facts.destination))
			return error;
		connection->reason = strerror(-error);
		return -EHOSTUNREACH;
	default:
		return error;
	}
}

/*
 * Returns a descriptor. On a failure *port says why if the port caused it,
 * otherwise NULL.
 */
static int
connect_from(struct connection *connection, const union address *source,
    bool late, int64_t deadline, const char **port)
{
	socklen_t len = sizeof(connection->facts.source_used);
	bool is_bound;
	int fd, error;

	*port = NULL;
	connection->tried = "open a socket";
	fd = open_unbound(source, late);
	if (fd < 0)
		return fd;
	error = bind_source(connection, fd, source);
	is_bound = !error;
	if (is_bound) {
		connection->tried = "connect to the destination";
		if (connection->early > 0)
			socket_delay_acknowledgements(fd);
	}
	if (is_bound && !connection->is_check)
		error = find_cause(connection, source,
		    socket_connect(fd, &connection->facts.destination, deadline,
			connection->downstream_fd));
	if (!error)
		return fd;
	*port = explain_port(is_bound, error);
	/*
	 * For the log: the destination has seen this source, although it
	 * refused.
	 */
	if (is_bound && !*port &&
	    (getsockname(fd, &connection->facts.source_used.any, &len) ||
		!address_port(&connection->facts.source_used)))
		connection->facts.source_used.any.sa_family = AF_UNSPEC;
	close(fd);
	return error;
}

/*
 * The kernel chooses the port. At connect(2) it can choose any port that has no
 * connection to this destination, which are most. But there it skips every port
 * to which any socket is bound, whatever its address, and the users' own ports
 * are bound. If none is left, let bind(2) choose: it looks at this address
 * only.
 */
static int
connect_from_any_port(struct connection *connection, union address *source,
    int64_t deadline, const char **port)
{
	int fd;

	address_set_port(source, 0);
	fd = connect_from(connection, source, true, deadline, port);
	if (*port)
		fd = connect_from(connection, source, false, deadline, port);
	if (*port)
		*port = "the source has no port left for this destination; "
			"widen net.ipv4.ip_local_port_range";
	return fd;
}

static int
connect_by_policy(struct connection *connection)
{
	int64_t deadline = deadline_after(connection->config->timeout_ms);
	enum source_port policy = connection->config->source_port;
	union address source = connection->facts.source;
	bool is_own = policy != SOURCE_PORT_ANY && address_port(&source) != 0;
	const char *port = NULL;
	int fd = -EADDRNOTAVAIL;

	if (is_own)
		fd = connect_from(connection, &source, false, deadline, &port);
	if (!is_own || (port && policy == SOURCE_PORT_PREFER))
		fd =
		    connect_from_any_port(connection, &source, deadline, &port);
	if (port)
		connection->reason = port;
	return fd;
}

/* The kernel silently replaces some invalid sources by its own address. */
static int
check_used(struct connection *connection, int fd)
{
	socklen_t len = sizeof(connection->facts.source_used);

	connection->tried = "keep the source";
	if (getsockname(fd, &connection->facts.source_used.any, &len))
		return -errno;
	if (address_same_host(
		&connection->facts.source_used, &connection->facts.source))
		return 0;
	connection->reason = "the kernel used another address";
	return -EADDRNOTAVAIL;
}

int
source_bind_connect(struct connection *connection)
{
	int family = connection->facts.source.any.sa_family;
	int fd = connect_by_policy(connection);

	if (fd == -ENETUNREACH && family == AF_INET &&
	    !source_bind_is_transparent(AF_INET))
		connection->reason =
		    "Network is unreachable; without IP_TRANSPARENT "
		    "(CAP_NET_RAW) the source's prefix must be in the routing "
		    "table local: ip route add local PREFIX dev lo";
	return fd < 0 ? fd
		      : descriptor_or_error(fd, check_used(connection, fd));
}
