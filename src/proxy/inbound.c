#include "proxy/inbound.h"

#include <errno.h>
#include <sys/socket.h>

#include "kernel/route.h"
#include "proxy/role.h"

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

/* The destination of a connection that nobody redirected is this listener. */
static int
refuse_loop(struct connection *connection)
{
	const union address *destination = &connection->facts.destination;
	union address own;
	socklen_t len = sizeof(own);
	int ends_here;

	connection->tried = "check the destination";
	if (address_port(destination) != connection->config->listen.port)
		return 0;
	if (getsockname(connection->downstream_fd, &own.any, &len))
		return -errno;
	address_unmap(&own);
	if (address_equal(&own, destination)) {
		connection->reason = "it was made to this listener directly, "
				     "not redirected";
		return -ELOOP;
	}
	/* On another address of this host it would come back here for ever. */
	ends_here = route_ends_here(destination);
	if (ends_here > 0) {
		connection->reason = "the destination is this listener";
		return -ELOOP;
	}
	return ends_here;
}

static int
find_redirected_destination(struct connection *connection)
{
	int error = ask_firewall(connection);

	return error ? error : refuse_loop(connection);
}

const struct inbound *
inbound_find(enum inbound_mode mode)
{
	static const struct inbound inbounds[] = {
		[INBOUND_REDIRECT] = { .find_destination =
					   find_redirected_destination },
	};

	return &inbounds[mode];
}
