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
#include "net/socket.h"
#include "proxy/admission.h"
#include "proxy/answer.h"
#include "proxy/protocol.h"
#include "proxy/request_check.h"
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
	else if (version == 2 && choice == PROTOCOL_ONLY_1)
		connection->reason = "protocol: 1 forbids version 2";
	else
		return 0;
	return -EPROTO;
}

/* Returns 0, -EINTR if nothing has come yet, or another negative errno. */
static int
receive_piece(
    struct connection *connection, struct inbox *inbox, int64_t deadline)
{
	int fd = connection->downstream_fd;
	int64_t left = deadline_left(deadline);
	ssize_t received;

	if (left == 0)
		return -ETIMEDOUT;
	if (left < SOCKET_WAIT_MS)
		socket_set_recv_timeout(fd, left);
	received = recv(fd, inbox->data + connection->received,
	    sizeof(inbox->data) - connection->received, 0);
	if (received < 0 && errno != EAGAIN)
		return -errno;
	if (received < 0) {
		await_more(fd, deadline);
		return -EINTR;
	}
	connection->received += (size_t)received;
	if (received > 0)
		return 0;
	if (connection->received == 0)
		return -ENODATA;
	connection->reason = "the stream ended before the request was complete";
	return -ECONNRESET;
}

/* The request may arrive in pieces, but all of it before the deadline. */
static int
receive_request(struct connection *connection, struct inbox *inbox)
{
	int64_t deadline = deadline_after(connection->config->handshake_ms);
	ssize_t taken = 0;

	connection->tried = "read the request";
	while (taken == 0) {
		int error = receive_piece(connection, inbox, deadline);

		if (error == -EINTR)
			continue;
		if (error)
			return error;
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
	if (taken < 0) {
		inbox->status = (int)inbox->request.refusal;
		return (int)taken;
	}
	inbox->len = (size_t)taken;
	connection->early = connection->received - (size_t)taken;
	return 0;
}

/* While it waits, the connection may be evicted to make room. */
static int
await_request(struct connection *connection, struct inbox *inbox)
{
	struct handshake handshake;
	int error;

	admission_begin_handshake(connection->service->admission, &handshake,
	    connection->downstream_fd, &connection->facts.peer);
	error = receive_request(connection, inbox);
	if (admission_end_handshake(
		connection->service->admission, &handshake)) {
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

static int
connect_upstream(struct connection *connection, struct inbox *inbox)
{
	int fd, error;

	if (request_check_is_greeting(&inbox->request))
		return 0;
	fd = source_bind_connect(connection);
	if (fd < 0)
		return fd;
	if (connection->is_check) {
		close(fd);
		return 0;
	}
	connection->upstream_fd = fd;
	connection->tried = "send the user's first bytes";
	error = send_early(connection, inbox);
	if (error) {
		connection->upstream_fd = -1;
		close(fd);
	}
	return error;
}

static void
refuse(
    const struct connection *connection, const struct inbox *inbox, int error)
{
	int fd = connection->downstream_fd;

	answer_refused(fd,
	    inbox->status >= 0 ? (enum protocol_status)inbox->status
			       : answer_status_of(error));
	if (inbox->is_known)
		answer_await_taken(fd, &connection->service->admission->closed);
}

/*
 * A check only asks, so its answer is no refusal. A stranger, a replay and a
 * clock that is off concern the operator all the same.
 */
static bool
is_told(const struct inbox *inbox, int error)
{
	return error &&
	    (!inbox->is_known || error == -EALREADY || error == -ETIME);
}

/* Returns what dial() returns. */
static int
answer(struct connection *connection, const struct inbox *inbox, int error)
{
	int fd = connection->downstream_fd;

	if (error) {
		refuse(connection, inbox, error);
	} else if (connection->is_check) {
		answer_checked(fd);
	} else {
		connection->tried = "answer the client half";
		error = answer_connected(fd);
	}
	return connection->is_check && !is_told(inbox, error) ? -ENODATA
							      : error;
}

/*
 * Version 1 has no answers, nor has a server half that speaks only that. A peer
 * that has gone, or sends no request, gets none.
 */
static bool
is_answered(
    const struct connection *connection, const struct inbox *inbox, int error)
{
	return connection->received > 0 && inbox->data[0] != 1 &&
	    connection->config->protocol != PROTOCOL_ONLY_1 &&
	    error != -ENOMSG && error != -ENODATA && error != -ECONNABORTED;
}

static int
server_dial(struct connection *connection)
{
	struct inbox inbox = { .status = -1 };
	int error;

	socket_delay_acknowledgements(connection->downstream_fd);
	congestion_keep(
	    connection->downstream_fd, connection->config->leg.congestion);
	error = await_request(connection, &inbox);
	if (!error)
		error = request_check(connection, &inbox);
	if (!error)
		error = connect_upstream(connection, &inbox);
	if (is_answered(connection, &inbox, error))
		error = answer(connection, &inbox, error);
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
