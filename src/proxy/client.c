/*
 * The client's dial(): asks the firewall for the destination and sends the
 * request to the server.
 */

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/log.h"
#include "config/config.h"
#include "kernel/route.h"
#include "net/socket.h"
#include "process/sandbox.h"
#include "proxy/connection_table.h"
#include "proxy/protocol.h"
#include "proxy/role.h"

/* The same for both families (linux/netfilter_ipv4.h, .../ip6_tables.h). */
#define ORIGINAL_DST 80

/* How long to wait for one address of the server before trying the next. */
#define ATTEMPT_MAX_MS 10000

/*
 * Fits into one segment together with the request. Most first messages are
 * shorter.
 */
#define EARLY_MAX_LEN 1024

/*
 * SO_BINDTODEVICE needs none on a socket that is not bound to an interface yet.
 */
static uint64_t
client_capabilities(const struct config *config)
{
	return config->local_bind.marked ? UINT64_C(1) << CAP_NET_RAW : 0;
}

/* Fails at the start if every connection would fail in the same way. */
static int
client_prepare(const struct config *config)
{
	const struct local_bind *local_bind = &config->local_bind;
	const char *tried;
	int fd, error;

	if (endpoint_is_name(&config->server) && !sandbox_has_names()) {
		log_error("outbound.server has become a name, %s, which takes "
			  "a restart: the sandbox was entered for an address",
		    config->server.host);
		return -1;
	}
	fd = socket_open(
	    local_bind->address.any.sa_family == AF_INET6 ? AF_INET6 : AF_INET);
	if (fd < 0)
		return 0;
	error = local_bind_apply(
	    local_bind, fd, local_bind->address.any.sa_family, &tried);
	close(fd);
	if (error == -EPERM && local_bind->marked) {
		log_error("cannot %s: %s; it needs CAP_NET_RAW or "
			  "CAP_NET_ADMIN",
		    tried, strerror(-error));
		return -1;
	}
	if (error)
		log_warning("cannot %s yet: %s; connections are refused until "
			    "it is there",
		    tried, strerror(-error));
	return 0;
}

/*
 * Where the user wanted to go before the firewall redirected the packets here.
 * The kernel knows IPv4 users on a dual-stack socket as IPv4.
 */
static int
original_destination(struct connection *connection)
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

/* If no rule redirected the connection, its destination is this listener. */
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
	/*
	 * Another address of this host, at this port, would lead back here in a
	 * loop.
	 */
	ends_here = route_ends_here(destination);
	if (ends_here > 0) {
		connection->reason = "the destination is this listener";
		return -ELOOP;
	}
	return ends_here;
}

static int
connect_address(struct connection *connection, const union address *address,
    int64_t deadline)
{
	int family = address->any.sa_family;
	int fd, error;

	connection->tried = "open a socket to the server";
	fd = socket_open(family);
	if (fd < 0)
		return fd;
	error = local_bind_apply(
	    &connection->config->local_bind, fd, family, &connection->tried);
	if (!error) {
		connection->tried = "connect to the server";
		socket_delay_acknowledgements(fd);
		error = socket_connect(
		    fd, address, deadline, connection->downstream_fd);
		if (error == -EADDRNOTAVAIL)
			connection->reason = "there is no port left towards "
					     "the server; widen "
					     "net.ipv4.ip_local_port_range";
	}
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

/*
 * Refuses our own connection to the server, which the firewall redirected to
 * us: a loop.
 */
static int
refuse_redirected_self(
    struct connection *connection, const union address *server)
{
	if (!address_equal(server, &connection->facts.destination))
		return 0;
	connection->tried = "check the destination";
	connection->reason = "the destination is the server half itself; let "
			     "the firewall redirect nothing that goes there";
	return -ELOOP;
}

/* Tries every address of the server. Returns a descriptor. */
static int
connect_server(struct connection *connection)
{
	const struct config *config = connection->config;
	int64_t deadline = deadline_after(config->timeout_ms);
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	size_t count;
	bool any_fits = false;
	int fd = -EADDRNOTAVAIL;

	connection->tried = "resolve the server's name";
	connection->reason =
	    endpoint_resolve(&config->server, addresses, &count);
	for (size_t i = 0; i < count && fd < 0; i++) {
		int64_t attempt = deadline;

		/*
		 * Skip the server's addresses of the other family: local_addr
		 * cannot reach them.
		 */
		if (count > 1 &&
		    config->local_bind.address.any.sa_family != AF_UNSPEC &&
		    config->local_bind.address.any.sa_family !=
			addresses[i].any.sa_family)
			continue;
		any_fits = true;
		if (i + 1 < count && deadline_left(deadline) > ATTEMPT_MAX_MS)
			attempt = deadline_after(ATTEMPT_MAX_MS);
		fd = refuse_redirected_self(connection, &addresses[i]);
		if (!fd)
			fd =
			    connect_address(connection, &addresses[i], attempt);
		if (fd == -ECONNABORTED || fd == -ELOOP)
			break;
	}
	if (count > 0 && !any_fits)
		connection->reason = "no address of the server is of the "
				     "family of outbound.local_addr";
	return fd;
}

/*
 * Reads what the user has sent so far, to send it in one segment with the
 * request. Does not report an end or an error: the relay will meet it again.
 */
static size_t
receive_early(struct connection *connection, uint8_t *data)
{
	ssize_t len =
	    recv(connection->downstream_fd, data, EARLY_MAX_LEN, MSG_DONTWAIT);

	return len > 0 ? (size_t)len : 0;
}

static int
send_request(struct connection *connection, int fd)
{
	struct request request = {
		.auth_len = sizeof(connection->config->auth.bytes),
		.destination = connection->facts.destination,
		.source = connection->facts.source,
	};
	uint8_t data[PROTOCOL_REQUEST_MAX_LEN + EARLY_MAX_LEN];
	size_t len;

	memcpy(request.auth, connection->config->auth.bytes, request.auth_len);
	len = protocol_encode(&request, data);
	connection->early = receive_early(connection, data + len);
	connection->received = connection->early;
	return socket_send_all(fd, data, len + connection->early);
}

static int
client_dial(struct connection *connection)
{
	socklen_t len = sizeof(connection->facts.source_used);
	int fd, error;

	connection->facts.source = connection->facts.peer;
	error = original_destination(connection);
	if (!error)
		error = refuse_loop(connection);
	/* The client has no ACL, so it has no users to limit. */
	if (!error)
		error = connection_table_admit(
		    connection, connection->facts.account, 0);
	if (error)
		return error;
	fd = connect_server(connection);
	if (fd < 0)
		return fd;
	/* connect(2) ended the delay that was set before it. */
	socket_delay_acknowledgements(fd);
	connection->tried = "send the request to the server";
	error = send_request(connection, fd);
	if (!error && getsockname(fd, &connection->facts.source_used.any, &len))
		error = -errno;
	if (error) {
		close(fd);
		return error;
	}
	connection->upstream_fd = fd;
	return 0;
}

const struct role client_role = {
	.name = "client",
	.downstream = "user",
	.upstream = "server",
	.capabilities = client_capabilities,
	.prepare = client_prepare,
	.dial = client_dial,
};
