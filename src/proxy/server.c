/*
 * The server's dial(): reads the request and connects from the source to the
 * destination.
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
#include "net/route.h"
#include "net/socket.h"
#include "proxy/accounts.h"
#include "proxy/admission.h"
#include "proxy/connection_table.h"
#include "proxy/protocol.h"
#include "proxy/role.h"
#include "proxy/source_bind.h"

/*
 * IPv6 sources need no capability (IP_FREEBIND is enough), source ports below
 * 1024 do.
 */
static uint64_t
server_capabilities(const struct config *config)
{
	uint64_t capabilities = UINT64_C(1) << CAP_NET_BIND_SERVICE;

	if (acl_knows_family(&config->acl, AF_INET))
		capabilities |= UINT64_C(1) << CAP_NET_RAW;
	return capabilities;
}

static void
server_tune(const struct config *config, int listen_fd)
{
	const char *congestion = config->leg.congestion;

	fast_open_listen(listen_fd, config->leg.fast_open);
	congestion_warn(congestion, congestion_set(listen_fd, congestion));
}

static int
server_prepare(const struct config *config)
{
	bool v4 = source_bind_is_transparent(AF_INET);
	bool v6 = source_bind_is_transparent(AF_INET6);

	log_info("sources ipv4=%s ipv6=%s", v4 ? "transparent" : "freebind",
	    v6 ? "transparent" : "freebind");
	/*
	 * If the ACL names the prefixes, doctor_warn() checks their routes
	 * (doctor.h).
	 */
	if (!v4 && acl_permits_any_source(&config->acl))
		log_warning("IP_TRANSPARENT is not permitted: IPv4 users need "
			    "CAP_NET_RAW, or their prefix in the routing table "
			    "local (ip route add local PREFIX dev lo)");
	return 0;
}

/* The bytes read so far: the request, and any payload behind it. */
struct inbox {
	uint8_t data[PROTOCOL_REQUEST_MAX_LEN];
	struct request request;
};

/*
 * recv(2) has waited in vain. Keepalive notices if the peer vanishes
 * meanwhile.
 */
static void
await_more(int fd, int64_t deadline)
{
	struct pollfd peer = { .fd = fd, .events = POLLIN };

	socket_keep_alive(fd);
	poll(&peer, 1, deadline_poll(deadline));
}

/* -EPROTO if the configuration forbids the version, which is the first byte. */
static int
check_version(struct connection *connection, uint8_t version)
{
	enum protocol_choice choice = connection->config->protocol;

	if (version == 1 && choice == PROTOCOL_ONLY_2)
		connection->reason = "protocol: 2 forbids version 1";
	else if (version == 2)
		connection->reason = "protocol: 1 forbids version 2";
	else
		return 0;
	return -EPROTO;
}

/* The request may arrive in pieces, but all of it before the deadline. */
static int
receive_request(struct connection *connection, struct inbox *inbox)
{
	int64_t deadline = deadline_after(connection->config->handshake_ms);
	ssize_t taken = 0;

	connection->tried = "read the request";
	while (taken == 0) {
		int64_t left = deadline_left(deadline);
		ssize_t received;

		if (left == 0)
			return -ETIMEDOUT;
		if (left < SOCKET_WAIT_MS)
			socket_set_recv_timeout(
			    connection->downstream_fd, left);
		received = recv(connection->downstream_fd,
		    inbox->data + connection->received,
		    sizeof(inbox->data) - connection->received, 0);
		if (received < 0 && errno == EAGAIN)
			await_more(connection->downstream_fd, deadline);
		else if (received < 0 && errno != EINTR)
			return -errno;
		if (received < 0)
			continue;
		if (received == 0 && connection->received == 0)
			return -ENODATA;
		if (received == 0) {
			connection->reason =
			    "the stream ended before the request was complete";
			return -ECONNRESET;
		}
		connection->received += (size_t)received;
		taken = check_version(connection, inbox->data[0]);
		if (taken == 0)
			taken =
			    protocol_decode(inbox->data, connection->received,
				&inbox->request, &connection->reason);
		/*
		 * The peer may send the rest only after these bytes are
		 * acknowledged.
		 */
		if (taken == 0)
			socket_acknowledge(connection->downstream_fd);
	}
	if (taken < 0)
		return (int)taken;
	connection->early = connection->received - (size_t)taken;
	return 0;
}

/* While it waits, the connection may be evicted to make room. */
static int
await_request(struct connection *connection, struct inbox *inbox)
{
	struct handshake handshake;
	int error;

	admission_begin_handshake(connection->admission, &handshake,
	    connection->downstream_fd, &connection->facts.peer);
	error = receive_request(connection, inbox);
	if (admission_end_handshake(connection->admission, &handshake)) {
		connection->reason = "reset to make room, because too many "
				     "connections send no request";
		return -ENOMSG;
	}
	if (!error || error == -EPROTO || error == -ENODATA)
		return error;
	if (!connection->reason)
		connection->reason = strerror(-error);
	return -ENOMSG;
}

/* Refuses also if the kernel cannot say whether it is a loop. */
static int
check_loop(struct connection *connection)
{
	const union address *destination = &connection->facts.destination;
	int ends_here = 0;

	connection->tried = "see whether the destination is this listener";
	if (address_port(destination) == connection->config->listen.port)
		ends_here = route_ends_here(destination);
	if (ends_here <= 0)
		return ends_here;
	connection->reason = "the destination is this listener";
	return -EPROTO;
}

/* Refuses addresses that the kernel would silently replace by others. */
static int
check_addresses(struct connection *connection)
{
	const union address *source = &connection->facts.source;
	const union address *destination = &connection->facts.destination;

	connection->tried = "check the addresses";
	if (source->any.sa_family != destination->any.sa_family)
		connection->reason = "source and destination are not of the "
				     "same family";
	else if (!address_is_unicast(source))
		connection->reason = "nobody can send from this source";
	else if (address_is_loopback(source))
		connection->reason = "only this host itself can send from a "
				     "loopback source";
	else if (!address_is_unicast(destination))
		connection->reason = "nobody can connect to this destination";
	else if (address_port(destination) == 0)
		connection->reason = "nobody can connect to port 0";
	else
		return check_loop(connection);
	return -EPROTO;
}

/* *user becomes NULL if the ACL is off. */
static int
check_user(struct connection *connection, const struct request *request,
    const struct acl_user **user)
{
	const struct acl *acl = &connection->config->acl;
	struct account *account;

	*user = NULL;
	connection->tried = "ask the ACL";
	if (acl->user_count == 0)
		return 0;
	*user = acl_find(acl, request->auth, request->auth_len);
	if (!*user) {
		connection->reason = "no user has this auth";
		return -EACCES;
	}
	account = accounts_open(connection->accounts, acl, *user);
	if (!account)
		return -ENOMEM;
	connection->facts.account = account;
	if (!acl_user_permits(*user, &connection->facts.source)) {
		connection->reason = "this source is not among the user's "
				     "allowed_src_ips";
		return -EACCES;
	}
	connection->may_be_host =
	    acl_user_names(*user, &connection->facts.source);
	return 0;
}

static int
check_destination(struct connection *connection, const struct acl_user *user)
{
	connection->tried = "ask the ACL";
	connection->reason = acl_refuse_destination(
	    &connection->config->acl, user, &connection->facts.destination);
	return connection->reason ? -EACCES : 0;
}

/* The last check, so that refused connections do not count for the limit. */
static int
check_limit(struct connection *connection, const struct acl_user *user)
{
	int error;

	connection->tried = "count the user's connections";
	error = connection_table_admit(connection, connection->facts.account,
	    user ? user->max_connections : 0);
	if (error)
		connection->reason = "the user has reached max_connections";
	return error;
}

/*
 * Does not block: the buffer of a new socket has room. If the destination has
 * already closed, that is no error here: the relay delivers what it sent and
 * finds the end.
 */
static int
send_early(const struct connection *connection, const struct inbox *inbox)
{
	int fd = connection->upstream_fd;
	int error = socket_send_all(fd,
	    inbox->data + connection->received - connection->early,
	    connection->early);

	return error && !socket_is_closed(fd) ? error : 0;
}

/* Returns 0 if the user may connect as requested. */
static int
check_request(struct connection *connection, const struct request *request)
{
	const struct acl_user *user;
	int error;

	connection->facts.source = request->source;
	connection->facts.destination = request->destination;
	/* Before all checks: a mapped address is an IPv4 address. */
	address_unmap(&connection->facts.source);
	address_unmap(&connection->facts.destination);
	error = check_user(connection, request, &user);
	if (!error)
		error = check_addresses(connection);
	if (!error)
		error = check_destination(connection, user);
	if (!error)
		error = check_limit(connection, user);
	return error;
}

static int
server_dial(struct connection *connection)
{
	struct inbox inbox;
	int fd, error;

	socket_delay_acknowledgements(connection->downstream_fd);
	congestion_keep(
	    connection->downstream_fd, connection->config->leg.congestion);
	error = await_request(connection, &inbox);
	if (!error)
		error = check_request(connection, &inbox.request);
	if (error)
		return error;
	fd = source_bind_connect(connection);
	if (fd < 0)
		return fd;
	connection->upstream_fd = fd;
	connection->tried = "send the user's first bytes";
	error = send_early(connection, &inbox);
	if (error) {
		connection->upstream_fd = -1;
		close(fd);
	}
	return error;
}

const struct role server_role = {
	.name = "server",
	.downstream = "client",
	.upstream = "destination",
	.capabilities = server_capabilities,
	.tune = server_tune,
	.prepare = server_prepare,
	.dial = server_dial,
};
