/* The server half's step: read who wants where, and go there as them. */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config.h"
#include "deadline.h"
#include "log.h"
#include "role.h"
#include "socket.h"

/* IP_TRANSPARENT and IP_FREEBIND of ip(7), and their kin of ipv6(7). */
static int
set_transparent(int fd, int family)
{
	int on = 1;

	return family == AF_INET
	    ? setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on))
	    : setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof(on));
}

static int
set_freebind(int fd)
{
	int on = 1;

	/* For both families: this level knows AF_INET6 sockets too. */
	return setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
}

static bool
transparent_permitted(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool permitted;

	if (fd < 0)
		return false;
	permitted = set_transparent(fd, family) == 0;
	close(fd);
	return permitted;
}

static bool
listens_beyond_loopback(const struct config *config)
{
	const union address *address = &config->listen.address;

	return address->any.sa_family == AF_UNSPEC ||
	    !address_is_loopback(address);
}

static int
server_prepare(const struct config *config)
{
	bool v4 = transparent_permitted(AF_INET);
	bool v6 = transparent_permitted(AF_INET6);

	log_info("sources ipv4=%s ipv6=%s", v4 ? "transparent" : "freebind",
	    v6 ? "transparent" : "freebind");
	if (!v4)
		log_warning("IP_TRANSPARENT is not permitted: IPv4 users need "
			    "CAP_NET_RAW, or their prefix in the routing table "
			    "local (ip route add local PREFIX dev lo)");
	if (config->acl.user_count == 0 && listens_beyond_loopback(config))
		log_warning("the ACL is off: whoever reaches the listener may "
			    "connect anywhere from any address; set acl");
	return 0;
}

/* The whole of it has to arrive before the deadline, in whatever pieces. */
static int
receive_request(struct connection *connection, struct request *request)
{
	int64_t deadline = deadline_after(connection->config->handshake_ms);
	uint8_t *data = connection->head;
	ssize_t taken = 0;

	connection->tried = "read the request";
	while (taken == 0) {
		int64_t left = deadline_left(deadline);
		ssize_t received;

		if (left == 0)
			return -ETIMEDOUT;
		if (left != DEADLINE_NEVER)
			socket_set_recv_timeout(
			    connection->downstream_fd, left);
		received =
		    recv(connection->downstream_fd, data + connection->head_end,
			sizeof(connection->head) - connection->head_end, 0);
		if (received < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (received < 0)
			return -errno;
		if (received == 0) {
			connection->reason = "the stream ended before the "
					     "request did";
			return -ECONNRESET;
		}
		connection->head_end += (size_t)received;
		taken = protocol_decode(
		    data, connection->head_end, request, &connection->reason);
	}
	if (taken < 0)
		return (int)taken;
	connection->head_start = (size_t)taken;
	return 0;
}

/* What the kernel would silently take for something else. */
static int
check_addresses(struct connection *connection)
{
	const union address *source = &connection->source;
	const union address *destination = &connection->destination;

	connection->tried = "check the addresses";
	if (source->any.sa_family != destination->any.sa_family)
		connection->reason = "source and destination are not of the "
				     "same family";
	else if (!address_is_unicast(source))
		connection->reason = "nobody can send from this source";
	else if (!address_is_unicast(destination))
		connection->reason = "nobody can connect to this destination";
	else if (address_port(destination) == 0)
		connection->reason = "nobody can connect to port 0";
	else if (address_port(destination) == connection->config->listen.port &&
	    socket_address_is_local(destination))
		connection->reason = "the destination is this listener";
	else
		return 0;
	return -EPROTO;
}

/* *user becomes NULL where the ACL is off. */
static int
check_user(struct connection *connection, const struct request *request,
    const struct acl_user **user)
{
	const struct acl *acl = &connection->config->acl;

	*user = NULL;
	connection->tried = "ask the ACL";
	if (acl->user_count == 0)
		return 0;
	*user = acl_find(acl, request->auth, request->auth_len);
	if (!*user) {
		connection->reason = "no user has this auth";
		return -EACCES;
	}
	connection->user = (*user)->name;
	if (!acl_user_permits(*user, &connection->source)) {
		connection->reason = "this source is not among the user's "
				     "allowed_src_ips";
		return -EACCES;
	}
	return 0;
}

static int
check_destination(struct connection *connection, const struct acl_user *user)
{
	connection->tried = "ask the ACL";
	connection->reason =
	    acl_refuse_destination(user, &connection->destination);
	return connection->reason ? -EACCES : 0;
}

/*
 * A socket bound to that source. SO_REUSEADDR lets one source go to several
 * destinations, and to the same one again while the last is in TIME_WAIT.
 */
static int
open_bound(struct connection *connection, const union address *source)
{
	int fd = socket_open(source->any.sa_family);
	int on = 1, error;

	connection->tried = "open a socket";
	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	set_freebind(fd);
	set_transparent(fd, source->any.sa_family);
	/* The port is chosen when the destination is known: there are more. */
	if (address_port(source) == 0)
		setsockopt(
		    fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	connection->tried = "bind to the source";
	if (bind(fd, &source->any, address_len(source)) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* Returns a descriptor. */
static int
connect_from(struct connection *connection, const union address *source,
    int64_t deadline)
{
	int fd = open_bound(connection, source);
	int error;

	if (fd < 0)
		return fd;
	connection->tried = "connect to the destination";
	if (connection->head_end > connection->head_start)
		socket_delay_acknowledgements(fd);
	error = socket_connect(
	    fd, &connection->destination, deadline, connection->downstream_fd);
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

/* Whether another port of the same address may do better. */
static bool
is_port_taken(int error)
{
	return error == -EADDRINUSE || /* bind: a listener has it */
	    error == -EACCES ||        /* bind: below 1024, unprivileged */
	    error == -EADDRNOTAVAIL;   /* connect: the same pair is alive */
}

static int
connect_destination(struct connection *connection)
{
	int64_t deadline = deadline_after(connection->config->timeout_ms);
	union address source = connection->source;
	int fd = connect_from(connection, &source, deadline);

	if (is_port_taken(fd) && address_port(&source) != 0) {
		address_set_port(&source, 0);
		fd = connect_from(connection, &source, deadline);
	}
	if (fd == -ENETUNREACH && source.any.sa_family == AF_INET &&
	    !transparent_permitted(AF_INET))
		connection->reason =
		    "Network is unreachable; without IP_TRANSPARENT "
		    "(CAP_NET_RAW) the source's prefix must be in the routing "
		    "table local: ip route add local PREFIX dev lo";
	return fd;
}

/* The kernel puts its own address in place of some that make no sense. */
static int
check_source_used(struct connection *connection, int fd)
{
	socklen_t len = sizeof(connection->source_used);

	connection->tried = "keep the source";
	if (getsockname(fd, &connection->source_used.any, &len))
		return -errno;
	if (address_same_host(&connection->source_used, &connection->source))
		return 0;
	connection->reason = "the kernel used another address";
	return -EADDRNOTAVAIL;
}

static int
server_dial(struct connection *connection)
{
	const struct acl_user *user;
	struct request request;
	int fd, error;

	socket_delay_acknowledgements(connection->downstream_fd);
	error = receive_request(connection, &request);
	if (error)
		return error;
	connection->source = request.source;
	connection->destination = request.destination;
	/* Before anything looks at them: a mapped address is IPv4. */
	address_unmap(&connection->source);
	address_unmap(&connection->destination);
	error = check_user(connection, &request, &user);
	if (!error)
		error = check_addresses(connection);
	if (!error)
		error = check_destination(connection, user);
	if (error)
		return error;
	fd = connect_destination(connection);
	if (fd < 0)
		return fd;
	error = check_source_used(connection, fd);
	if (error) {
		close(fd);
		return error;
	}
	connection->upstream_fd = fd;
	return 0;
}

const struct role server_role = {
	.name = "server",
	.downstream = "client",
	.upstream = "destination",
	.prepare = server_prepare,
	.dial = server_dial,
};
