/*
 * The server's dial(): reads the request and connects from the source to the
 * destination.
 */

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/log.h"
#include "base/wall_clock.h"
#include "config/config.h"
#include "net/congestion.h"
#include "net/fast_open.h"
#include "net/route.h"
#include "net/socket.h"
#include "proxy/accounts.h"
#include "proxy/admission.h"
#include "proxy/answer.h"
#include "proxy/connection_table.h"
#include "proxy/protocol.h"
#include "proxy/replay.h"
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
	size_t len; /* of the request */
	bool
	    is_known; /* the request has a user's auth or MAC, or there is no ACL */
	int status; /* for a refusal; -1: as answer_status_of() has it */
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
	else if (version == 2 && choice == PROTOCOL_ONLY_1)
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
	return -ELOOP;
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

/* A key of nobody has no user. */
static const struct acl_user *
find_signer(const struct acl *acl, const struct inbox *inbox)
{
	const struct acl_key *key = acl_find_keys(acl, inbox->request.hint);
	const struct acl_user *user = NULL;

	for (; key; key = key->next) {
		if (protocol_is_signed(&key->key, inbox->data, inbox->len))
			user = key->user;
	}
	return user;
}

/* *user becomes NULL if the ACL is off. */
static int
check_user(struct connection *connection, struct inbox *inbox,
    const struct acl_user **user)
{
	const struct acl *acl = &connection->config->acl;
	const struct request *request = &inbox->request;
	bool is_signed = request->version == 2;
	struct account *account;

	*user = NULL;
	connection->tried = "ask the ACL";
	inbox->is_known = acl->user_count == 0;
	if (inbox->is_known)
		return 0;
	*user = is_signed ? find_signer(acl, inbox)
			  : acl_find(acl, request->auth, request->auth_len);
	if (!*user) {
		inbox->status = PROTOCOL_NOT_AUTHORIZED;
		connection->reason = is_signed
		    ? "no user has the key of this request"
		    : "no user has this auth";
		return -EACCES;
	}
	account = accounts_open(connection->accounts, acl, *user);
	if (!account)
		return -ENOMEM;
	connection->facts.account = account;
	inbox->is_known = true;
	return 0;
}

/* Of the thread, as the reason is logged when the inbox is gone. */
static int
refuse_clock(struct connection *connection, int64_t ahead_ms)
{
	static _Thread_local char reason[128];

	snprintf(reason, sizeof(reason),
	    "the client half's clock is %.3f s %s this host's, and at most %d "
	    "s are permitted",
	    (double)(ahead_ms < 0 ? -ahead_ms : ahead_ms) / 1000,
	    ahead_ms < 0 ? "behind" : "ahead of", REPLAY_WINDOW_MS / 1000);
	connection->reason = reason;
	return -ETIME;
}

/* Nobody but the owner of a key can choose it. */
static uint64_t
tag_of(const struct request *request)
{
	uint64_t tag;

	memcpy(&tag, request->mac.bytes, sizeof(tag));
	return tag;
}

static int
check_replay(
    struct connection *connection, const struct request *request, bool has_acl)
{
	connection->tried = "see whether the request is a replay";
	switch (replay_check(connection->replay, tag_of(request),
	    has_acl ? request->time_ms : UINT64_MAX)) {
	case REPLAY_AGAIN:
		connection->reason = "this request was used before";
		return -EALREADY;
	case REPLAY_EARLY:
		connection->reason = "this request was made before this server "
				     "half started, which may have seen it";
		return -EALREADY;
	case REPLAY_FULL:
		connection->reason =
		    "there is no room to remember this request";
		/* Without the ACL, strangers could fill it. */
		return has_acl ? -ENOSPC : 0;
	case REPLAY_NONE:
		break;
	}
	return 0;
}

/* Without the ACL nobody has signed the time. */
static int
check_fresh(struct connection *connection, const struct request *request)
{
	bool has_acl = connection->config->acl.user_count > 0;
	int64_t ahead_ms = (int64_t)(request->time_ms - wall_clock_now());

	connection->tried = "compare the clocks";
	if (has_acl &&
	    (ahead_ms > REPLAY_WINDOW_MS || ahead_ms < -REPLAY_WINDOW_MS))
		return refuse_clock(connection, ahead_ms);
	return check_replay(connection, request, has_acl);
}

/* *user is NULL if the ACL is off. */
static int
check_source(struct connection *connection, struct inbox *inbox,
    const struct acl_user *user)
{
	connection->tried = "ask the ACL";
	if (!user)
		return 0;
	if (!acl_user_permits(user, &connection->facts.source)) {
		inbox->status = PROTOCOL_SOURCE_DENIED;
		connection->reason = "this source is not among the user's "
				     "allowed_src_ips";
		return -EACCES;
	}
	connection->may_be_host =
	    acl_user_names(user, &connection->facts.source);
	return 0;
}

static int
check_destination(struct connection *connection, struct inbox *inbox,
    const struct acl_user *user)
{
	connection->tried = "ask the ACL";
	connection->reason = acl_refuse_destination(
	    &connection->config->acl, user, &connection->facts.destination);
	if (connection->reason)
		inbox->status = PROTOCOL_DESTINATION_DENIED;
	return connection->reason ? -EACCES : 0;
}

/*
 * The last check, so that refused connections do not count for the limit. A
 * check is not counted.
 */
static int
check_limit(struct connection *connection, const struct acl_user *user)
{
	struct account *account = connection->facts.account;
	size_t limit = user ? user->max_connections : 0;
	int error = 0;

	connection->tried = "count the user's connections";
	if (!connection->is_check)
		error = connection_table_admit(connection, account, limit);
	else if (limit > 0 && atomic_load(&account->live) >= limit)
		error = -EDQUOT;
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

static bool
is_unspecified(const union address *address)
{
	static const uint8_t zeros[16] = { 0 };
	size_t len;
	const uint8_t *raw = address_raw(address, &len);

	return address_port(address) == 0 && !memcmp(raw, zeros, len);
}

/* A check of no addresses: it only asks whether its key is known. */
static bool
is_greeting(const struct request *request)
{
	return request->version == 2 && request->opcode == PROTOCOL_CHECK &&
	    is_unspecified(&request->destination) &&
	    is_unspecified(&request->source);
}

/* Returns 0 if the user may connect as requested. */
static int
check_request(struct connection *connection, struct inbox *inbox)
{
	const struct request *request = &inbox->request;
	const struct acl_user *user;
	int error;

	connection->facts.source = request->source;
	connection->facts.destination = request->destination;
	/* Before all checks: a mapped address is an IPv4 address. */
	address_unmap(&connection->facts.source);
	address_unmap(&connection->facts.destination);
	connection->is_check =
	    request->version == 2 && request->opcode == PROTOCOL_CHECK;
	error = check_user(connection, inbox, &user);
	if (!error && request->version == 2)
		error = check_fresh(connection, request);
	if (error || is_greeting(request))
		return error;
	error = check_source(connection, inbox, user);
	if (!error)
		error = check_addresses(connection);
	if (!error)
		error = check_destination(connection, inbox, user);
	if (!error)
		error = check_limit(connection, user);
	return error;
}

static int
connect_upstream(struct connection *connection, struct inbox *inbox)
{
	int fd, error;

	if (is_greeting(&inbox->request))
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

/*
 * Returns what dial() returns. A check is over then, without a word in the log,
 * unless a stranger sent it.
 */
static int
answer(struct connection *connection, const struct inbox *inbox, int error)
{
	int fd = connection->downstream_fd;

	if (error)
		answer_refused(fd,
		    inbox->status >= 0 ? (enum protocol_status)inbox->status
				       : answer_status_of(error),
		    inbox->is_known);
	else if (connection->is_check)
		answer_checked(fd);
	else
		answer_connected(fd);
	return connection->is_check && inbox->is_known ? -ENODATA : error;
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
		error = check_request(connection, &inbox);
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
