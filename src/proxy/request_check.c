#include "proxy/request_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/wall_clock.h"
#include "config/config.h"
#include "net/route.h"
#include "proxy/accounts.h"
#include "proxy/connection_table.h"
#include "proxy/replay.h"
#include "proxy/role.h"

/* Refuses also if the kernel cannot say whether it is a loop. */
static int
check_loop(struct connection *connection, struct inbox *inbox)
{
	const union address *destination = &connection->facts.destination;
	int ends_here = 0;

	connection->tried = "see whether the destination is this listener";
	if (address_port(destination) == connection->config->listen.port)
		ends_here = route_ends_here(destination);
	if (ends_here <= 0)
		return ends_here;
	inbox->status = PROTOCOL_DESTINATION_DENIED;
	connection->reason = "the destination is this listener";
	return -ELOOP;
}

/* Refuses addresses that the kernel would silently replace by others. */
static int
check_addresses(struct connection *connection, struct inbox *inbox)
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
		return check_loop(connection, inbox);
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
	account = accounts_open(connection->service->accounts, acl, *user);
	if (!account)
		return -ENOMEM;
	connection->facts.account = account;
	inbox->is_known = true;
	return 0;
}

/*
 * Of the thread, as the reason is logged when the inbox is gone. A request that
 * went with a SYN may be old although the clocks agree (TCP Fast Open).
 */
static int
refuse_clock(struct connection *connection, uint64_t made, uint64_t now)
{
	static _Thread_local char reason[160];
	bool is_ahead = made > now;
	uint64_t off_ms = is_ahead ? made - now : now - made;

	snprintf(reason, sizeof(reason),
	    "the request was made %" PRIu64 ".%03" PRIu64 " s %s: the client "
	    "half's clock is %s; at most %d s are permitted",
	    off_ms / 1000, off_ms % 1000, is_ahead ? "from now" : "ago",
	    is_ahead ? "ahead" : "behind, or it was on its way so long",
	    REPLAY_WINDOW_MS / 1000);
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
check_replay(struct connection *connection, const struct request *request,
    bool has_acl, int64_t ahead_ms)
{
	connection->tried = "see whether the request is a replay";
	switch (replay_check(connection->service->replay, tag_of(request),
	    has_acl ? -ahead_ms : 0)) {
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
	uint64_t now = wall_clock_now();
	int64_t ahead_ms = (int64_t)(request->time_ms - now);

	connection->tried = "compare the clocks";
	if (has_acl &&
	    (ahead_ms > REPLAY_WINDOW_MS || ahead_ms < -REPLAY_WINDOW_MS))
		return refuse_clock(connection, request->time_ms, now);
	return check_replay(connection, request, has_acl, ahead_ms);
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

static bool
is_blank(const union address *address)
{
	return address_port(address) == 0 && address_is_unspecified(address);
}

bool
request_check_is_greeting(const struct request *request)
{
	return request->version == 2 && request->opcode == PROTOCOL_CHECK &&
	    is_blank(&request->destination) && is_blank(&request->source);
}

int
request_check(struct connection *connection, struct inbox *inbox)
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
	if (error || request_check_is_greeting(request))
		return error;
	error = check_source(connection, inbox, user);
	if (!error)
		error = check_addresses(connection, inbox);
	if (!error)
		error = check_destination(connection, inbox, user);
	if (!error)
		error = check_limit(connection, user);
	return error;
}
