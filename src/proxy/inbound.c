#include "proxy/inbound.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "net/route.h"
#include "proxy/role.h"
#include "proxy/source_bind.h"

/* The same for both families (linux/netfilter_ipv4.h, .../ip6_tables.h). */
#define ORIGINAL_DST 80

/* For an IPv4 user of a dual-stack listener the kernel has an IPv4 address. */
static int
ask_firewall(struct connection *connection)
{
	socklen_t len = sizeof(connection->facts.destination);
	int level = connection->facts.peer.any.sa_family == AF_INET
	    ? IPPROTO_IP
	    : IPPROTO_IPV6;

	connection->tried = "ask the firewall for the original destination";
	if (getsockopt(connection->downstream_fd, level, ORIGINAL_DST,
		&connection->facts.destination, &len) == 0)
		return 0;
	connection->facts.destination.any.sa_family = AF_UNSPEC;
	if (errno == ENOENT || errno == EOPNOTSUPP)
		connection->reason = "no firewall rule redirected this "
				     "connection (-j REDIRECT)";
	return -errno;
}

static const char made_directly[] =
    "it was made to this listener directly, not redirected";

/* Without a rule for it the destination is what the user connected to. */
static int
refuse_direct(struct connection *connection)
{
	union address own;
	socklen_t len = sizeof(own);

	if (address_port(&connection->facts.destination) !=
	    connection->config->listen.port)
		return 0;
	if (getsockname(connection->downstream_fd, &own.any, &len))
		return -errno;
	address_unmap(&own);
	if (!address_equal(&own, &connection->facts.destination))
		return 0;
	connection->reason = made_directly;
	return -ELOOP;
}

/*
 * From this listener, at whatever address of this host, a connection would come
 * back here for ever.
 */
static int
refuse_listener(struct connection *connection, const char *reason)
{
	const union address *destination = &connection->facts.destination;
	int ends_here;

	if (address_port(destination) != connection->config->listen.port)
		return 0;
	ends_here = route_ends_here(destination);
	if (ends_here <= 0)
		return ends_here;
	connection->reason = reason;
	return -ELOOP;
}

static int
find_redirected_destination(struct connection *connection)
{
	int error = ask_firewall(connection);

	if (error)
		return error;
	connection->tried = "check the destination";
	error = refuse_direct(connection);
	return error
	    ? error
	    : refuse_listener(connection, "the destination is this listener");
}

/*
 * The option of IPv4 serves both families on a dual-stack socket, and accepted
 * sockets inherit it. A service manager may have set it (Transparent=yes).
 */
static int
make_transparent(int listen_fd)
{
	int is_set = 0, error;
	socklen_t len = sizeof(is_set);

	getsockopt(listen_fd, IPPROTO_IP, IP_TRANSPARENT, &is_set, &len);
	error = is_set ? 0 : source_bind_set_transparent(listen_fd, AF_INET);
	if (!error)
		return 0;
	log_error("cannot set IP_TRANSPARENT on the listener, for "
		  "inbound.mode \"tproxy\": %s; start as root with -u, or with "
		  "CAP_NET_RAW, which is given up once it is set",
	    strerror(-error));
	return -1;
}

/* conntrack is not asked: a stray entry of it would name another destination. */
static int
find_transparent_destination(struct connection *connection)
{
	union address *destination = &connection->facts.destination;
	socklen_t len = sizeof(*destination);

	connection->tried = "check the destination";
	if (getsockname(connection->downstream_fd, &destination->any, &len))
		return -errno;
	address_unmap(destination);
	return refuse_listener(connection, made_directly);
}

const struct inbound *
inbound_find(enum inbound_mode mode)
{
	static const struct inbound inbounds[] = {
		[INBOUND_REDIRECT] = { .find_destination =
					   find_redirected_destination },
		[INBOUND_TPROXY] = { .prepare_listener = make_transparent,
		    .find_destination = find_transparent_destination },
	};

	return &inbounds[mode];
}
