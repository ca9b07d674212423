/*
 * The client's dial(): asks the firewall for the destination and sends the
 * request to the server.
 */

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/log.h"
#include "config/config.h"
#include "net/congestion.h"
#include "net/fast_open.h"
#include "net/socket.h"
#include "process/sandbox.h"
#include "proxy/connection_table.h"
#include "proxy/inbound.h"
#include "proxy/protocol.h"
#include "proxy/role.h"

/* How long to wait for one address of the server before trying the next. */
#define ATTEMPT_MAX_MS 10000

/*
 * With the request this fits into a SYN. Most first messages of users are
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

static int
client_open(const struct config *config, int listen_fd)
{
	const struct inbound *inbound = inbound_find(config->mode);

	return inbound->prepare_listener ? inbound->prepare_listener(listen_fd)
					 : 0;
}

/* For want of it an unprivileged process has the kernel load no module. */
static void
client_tune(const struct config *config, int listen_fd)
{
	int fd = *config->leg.congestion ? socket_open(AF_INET) : -1;

	(void)listen_fd;
	if (fd < 0)
		return;
	congestion_set(fd, config->leg.congestion);
	close(fd);
}

/* Fails at the start if every connection would fail in the same way. */
static int
client_prepare(const struct config *config)
{
	const struct local_bind *local_bind = &config->local_bind;
	const char *tried;
	int fd, error;

	if (endpoint_is_name(&config->server) && !sandbox_has_names()) {
		log_error(
		    "outbound.server is now a name, %s: restart the client "
		    "half, because its sandbox permits no lookup of names",
		    config->server.host);
		return -1;
	}
	fd = socket_open(
	    local_bind->address.any.sa_family == AF_INET6 ? AF_INET6 : AF_INET);
	if (fd < 0)
		return 0;
	congestion_warn(
	    config->leg.congestion, congestion_set(fd, config->leg.congestion));
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
 * What opens a connection to the server: the request, and the user's first
 * bytes, all in one segment, which the server half reads with one call.
 */
struct opening {
	size_t len;
	uint8_t data[PROTOCOL_REQUEST_MAX_LEN + EARLY_MAX_LEN];
};

static void
write_request(const struct connection *connection, struct opening *opening)
{
	struct request request = {
		.auth_len = sizeof(connection->config->auth.bytes),
		.destination = connection->facts.destination,
		.source = connection->facts.source,
	};

	memcpy(request.auth, connection->config->auth.bytes, request.auth_len);
	opening->len = protocol_encode(&request, opening->data);
}

/* Ends and errors are left to the relay. */
static void
add_early(struct connection *connection, struct opening *opening)
{
	ssize_t len = recv(connection->downstream_fd,
	    opening->data + opening->len, EARLY_MAX_LEN, MSG_DONTWAIT);

	if (len <= 0)
		return;
	connection->early = connection->received = (size_t)len;
	opening->len += (size_t)len;
}

/*
 * A user's first bytes follow the accepted handshake a moment later. Sent with
 * the SYN they are answered a round trip earlier, which is worth this moment.
 */
static void
await_early(struct connection *connection, const union address *server)
{
	struct pollfd user = { .fd = connection->downstream_fd,
		.events = POLLIN };
	int patience_ms = fast_open_patience(server);

	if (patience_ms > 0)
		poll(&user, 1, patience_ms);
}

/*
 * Sends what opens the connection; fast: by Fast Open, where the SYN may still
 * have to be sent. While another address may be tried after this one, its SYN
 * has no bytes of the user: if both servers got them the destination could as
 * well. A reset that follows is for the relay to find out, which first delivers
 * what was said before it.
 */
static int
send_opening(struct connection *connection, int fd, bool fast, bool is_last,
    struct opening *opening, int64_t deadline)
{
	int error;

	if (!fast)
		connection->tried = "send the request to the server";
	else if (is_last)
		await_early(connection, &connection->server);
	if (!fast || is_last || !fast_open_is_deferred(fd))
		add_early(connection, opening);
	error = fast ? fast_open_send(fd, &connection->server, opening->data,
			   opening->len, deadline, connection->downstream_fd)
		     : socket_send_all(fd, opening->data, opening->len);
	socket_acknowledge_now(fd);
	return error == -ECONNRESET || error == -EPIPE ? 0 : error;
}

static int
connect_prepared(struct connection *connection, int fd, bool is_last,
    struct opening *opening, int64_t deadline)
{
	const struct leg *leg = &connection->config->leg;
	bool fast = leg->fast_open && fast_open_begin(fd, &connection->server);
	int error;

	congestion_set(fd, leg->congestion);
	connection->tried = "connect to the server";
	socket_delay_acknowledgements(fd);
	error = socket_connect(
	    fd, &connection->server, deadline, connection->downstream_fd);
	if (error == -EADDRNOTAVAIL)
		connection->reason = "no port is left towards the server; "
				     "widen net.ipv4.ip_local_port_range";
	if (!error)
		error = send_opening(
		    connection, fd, fast, is_last, opening, deadline);
	if (!error)
		congestion_keep(fd, leg->congestion);
	return error;
}

/* Returns a descriptor, on which the opening has been sent. */
static int
connect_address(struct connection *connection, bool is_last,
    struct opening *opening, int64_t deadline)
{
	int family = connection->server.any.sa_family;
	int fd, error;

	connection->tried = "open a socket to the server";
	fd = socket_open(family);
	if (fd < 0)
		return fd;
	error = local_bind_apply(
	    &connection->config->local_bind, fd, family, &connection->tried);
	if (!error)
		error = connect_prepared(
		    connection, fd, is_last, opening, deadline);
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
refuse_redirected_self(struct connection *connection)
{
	if (!address_equal(&connection->server, &connection->facts.destination))
		return 0;
	connection->tried = "check the destination";
	connection->reason = "the destination is the server half itself; "
			     "exempt its address and port from the redirection";
	return -ELOOP;
}

/* A name may have addresses that local_addr has no use for. */
static size_t
keep_usable(
    const struct local_bind *local_bind, union address *addresses, size_t count)
{
	int family = local_bind->address.any.sa_family;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (count == 1 || family == AF_UNSPEC ||
		    family == addresses[i].any.sa_family)
			addresses[kept++] = addresses[i];
	}
	return kept;
}

/* Returns how many addresses there are to try, and why none. */
static size_t
find_server(struct connection *connection, union address *addresses)
{
	const struct config *config = connection->config;
	size_t count, usable;

	connection->tried = "resolve the server's name";
	connection->reason =
	    endpoint_resolve(&config->server, addresses, &count);
	usable = keep_usable(&config->local_bind, addresses, count);
	if (count > 0 && usable == 0)
		connection->reason = "no address of the server is of the "
				     "family of outbound.local_addr";
	return usable;
}

/* Tries every address of the server. Returns a descriptor. */
static int
connect_server(struct connection *connection, struct opening *opening)
{
	int64_t deadline = deadline_after(connection->config->timeout_ms);
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	size_t count = find_server(connection, addresses);
	int fd = -EADDRNOTAVAIL;

	for (size_t i = 0; i < count && fd < 0; i++) {
		bool is_last = i + 1 == count;
		int64_t attempt = deadline;

		if (!is_last && deadline_left(deadline) > ATTEMPT_MAX_MS)
			attempt = deadline_after(ATTEMPT_MAX_MS);
		connection->server = addresses[i];
		fd = refuse_redirected_self(connection);
		if (!fd)
			fd = connect_address(
			    connection, is_last, opening, attempt);
		/* Nor may the user's bytes be sent to two servers. */
		if (fd == -ECONNABORTED || fd == -ELOOP ||
		    connection->early > 0)
			break;
	}
	return fd;
}

/* Others may be redirected here by a rule that is wider than the users. */
static int
check_user(struct connection *connection)
{
	const struct config *config = connection->config;

	connection->tried = "look for the source in inbound.users";
	if (config->users.count == 0 ||
	    config_has_user(config, &connection->facts.source))
		return 0;
	connection->reason = "this source is not among inbound.users";
	return -EACCES;
}

static int
client_dial(struct connection *connection)
{
	socklen_t len = sizeof(connection->facts.source_used);
	struct opening opening;
	int fd, error;

	connection->facts.source = connection->facts.peer;
	error = inbound_find(connection->config->mode)
		    ->find_destination(connection);
	if (!error)
		error = check_user(connection);
	/* The client has no ACL, so it has no users to limit. */
	if (!error)
		error = connection_table_admit(
		    connection, connection->facts.account, 0);
	if (error)
		return error;
	write_request(connection, &opening);
	fd = connect_server(connection, &opening);
	if (fd < 0)
		return fd;
	if (getsockname(fd, &connection->facts.source_used.any, &len)) {
		error = -errno;
		close(fd);
		return error;
	}
	connection->upstream_fd = fd;
	return 0;
}

static void
client_end(const struct connection *connection)
{
	if (connection->config->leg.fast_open)
		fast_open_end(connection->upstream_fd, &connection->server);
}

const struct role client_role = {
	.name = "client",
	.downstream = "user",
	.upstream = "server",
	.capabilities = client_capabilities,
	.open = client_open,
	.tune = client_tune,
	.prepare = client_prepare,
	.dial = client_dial,
	.end = client_end,
};
