#include "proxy/connection.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/thread.h"
#include "config/config.h"
#include "net/socket.h"
#include "proxy/accounts.h"
#include "proxy/admission.h"
#include "proxy/client_answer.h"
#include "proxy/connection_log.h"
#include "proxy/connection_table.h"
#include "proxy/recent.h"
#include "proxy/server_version.h"
#include "relay/relay.h"

/*
 * One connection, from accept(2) to close(2). The thread that serves it owns
 * it.
 */
struct session {
	struct config *config; /* a reference */
	struct connection connection;
	struct connection_table_entry entry;
	struct relay relay;
	int64_t began;
	bool is_logged; /* as established */
};

/* Without needs_grace the peer sees a reset (socket.h). */
static void
close_end(int fd, bool needs_grace)
{
	if (fd >= 0 && needs_grace)
		socket_close_gracefully(fd);
	else if (fd >= 0)
		close(fd);
}

/*
 * Returns true if the peer must see a clean end of the stream, and has not yet.
 */
static bool
needs_grace(const struct session *session, enum relay_side side)
{
	return session->relay.end == RELAY_EOF && !session->relay.is_over[side];
}

/* admission_leave() comes last: the program may exit after it. */
static void
session_end(struct session *session, bool was_established)
{
	struct admission *admission = session->connection.service->admission;

	close_end(session->connection.upstream_fd,
	    was_established && needs_grace(session, RELAY_UPSTREAM));
	close_end(session->connection.downstream_fd,
	    was_established && needs_grace(session, RELAY_DOWNSTREAM));
	config_unref(session->config);
	free(session);
	admission_leave(admission);
}

static void
note_refusal(struct session *session, int error)
{
	struct connection *connection = &session->connection;

	account_refuse(connection->facts.account, refusal_of(error));
	recent_note_refusal(session->connection.service->recent, connection,
	    connection->tried, connection_log_reason(connection, error));
	connection_log_refused(connection, error);
}

static void
log_established(struct session *session)
{
	if (!session->is_logged)
		connection_log_established(&session->connection);
	session->is_logged = true;
}

static struct session *
session_of_relay(struct relay *relay)
{
	return (
	    struct session *)((char *)relay - offsetof(struct session, relay));
}

/*
 * The client half sees a reset when the server half refuses, and no reason. So
 * it knows that a connection is established by the first bytes, or if it ends in
 * any other way.
 */
static void
note_answer(struct relay *relay)
{
	log_established(session_of_relay(relay));
}

/* For each byte of the server half's answer. */
static int
read_answer(struct relay *relay)
{
	const struct connection *connection =
	    &session_of_relay(relay)->connection;
	const struct relay_answer *answer = &relay->answer;
	int error = client_answer_read(answer->bytes, answer->len);

	if (answer->len == 1)
		server_version_answered(&connection->server);
	if (!error)
		atomic_fetch_add(&connection->facts.account->established, 1);
	return error;
}

/* The server half has said why. Returns false if it has not. */
static bool
note_refused(struct session *session)
{
	const struct relay_answer *answer = &session->relay.answer;
	struct connection *connection = &session->connection;
	char reason[CLIENT_ANSWER_STRLEN];
	int error = answer->len > 0
	    ? client_answer_read(answer->bytes, RELAY_ANSWER_MAX_LEN)
	    : 0;

	if (!error)
		return false;
	connection->tried = "ask the server";
	connection->reason =
	    client_answer_reason(answer->bytes, answer->len, reason);
	connection->is_reason_given = true;
	note_refusal(session, error);
	return true;
}

static void
note_end(struct session *session)
{
	struct account *account = session->connection.facts.account;
	const char *reason =
	    connection_log_unanswered(&session->connection, &session->relay);

	if (!reason) {
		/* It ended before the answer, with which it would be counted. */
		if (session->relay.answer.is_awaited)
			atomic_fetch_add(&account->established, 1);
		log_established(session);
		return;
	}
	account_refuse(account, REFUSAL_UNREACHABLE);
	recent_note_refusal(session->connection.service->recent,
	    &session->connection, "ask the server", reason);
}

/* Called by the last thread of the relay. */
static void
end_relay(struct relay *relay)
{
	struct session *session = session_of_relay(relay);

	connection_table_leave(&session->connection);
	if (session->connection.service->role->end)
		session->connection.service->role->end(&session->connection);
	if (!note_refused(session)) {
		note_end(session);
		connection_log_closed(&session->connection, relay,
		    deadline_now() - session->began);
	}
	session_end(session, true);
}

static void
prepare_relay(struct session *session)
{
	const struct connection *connection = &session->connection;
	struct relay *relay = &session->relay;

	relay->fd[RELAY_DOWNSTREAM] = connection->downstream_fd;
	relay->fd[RELAY_UPSTREAM] = connection->upstream_fd;
	relay->idle_ms = session->config->timeout_ms;
	relay->received_before = connection->received;
	relay->forwarded = connection->early;
	relay->done = end_relay;
	relay->answered = note_answer;
	relay->read_answer = read_answer;
	relay->answer.is_awaited = connection->awaits_answer;
}

/*
 * A gate has many ports, so only its host is noted. The server may have reset
 * the connection already, and then getpeername(2) knows it no more.
 */
static void
note_counterpart(struct session *session, int error)
{
	const struct connection *connection = &session->connection;
	bool is_client = connection->service->role == &client_role;
	union address address =
	    is_client ? connection->server : connection->facts.peer;

	if (!is_client)
		address_set_port(&address, 0);
	if (is_client ? !error : session->entry.has_place)
		recent_note_counterpart(connection->service->recent, &address);
}

static void
session_run(void *argument)
{
	struct session *session = argument;
	struct connection *connection = &session->connection;
	int error;

	session->began = deadline_now();
	connection_table_enter(&session->entry, connection);
	error = connection->service->role->dial(connection);
	note_counterpart(session, error);
	if (error) {
		connection_table_leave(connection);
		if (error != -ENODATA)
			note_refusal(session, error);
		session_end(session, false);
		return;
	}
	prepare_relay(session);
	connection_table_establish(connection, &session->relay);
	if (connection->service->role == &server_role)
		log_established(session);
	relay_run(&session->relay);
}

static struct session *
session_of_entry(const struct connection_table_entry *entry)
{
	return (
	    struct session *)((char *)entry - offsetof(struct session, entry));
}

size_t
connection_describe(const struct connection_table_entry *entry,
    struct handover_connection *record, const uint8_t *bytes[2],
    int fds[HANDOVER_MAX_FDS])
{
	const struct session *session = session_of_entry(entry);
	size_t count = handover_describe(
	    record, &session->connection, &session->relay, fds);

	record->began = session->began;
	for (int side = 0; side < 2; side++)
		bytes[side] = session->relay.flow[side].rest.bytes;
	return count;
}

/* close(2) resets nothing: the other process has the same sockets. */
void
connection_forget(struct connection_table_entry *entry)
{
	struct session *session = session_of_entry(entry);

	connection_table_leave(&session->connection);
	for (int side = 0; side < 2; side++)
		pump_rest_finish(&session->relay.flow[side].rest);
	session_end(session, false);
}

void
connection_resume(struct connection_table_entry *entry)
{
	entry->is_listed = false;
	relay_resume(entry->relay);
}

/* Fields that stay 0 are not known yet: AF_UNSPEC is 0 as well. */
static struct session *
session_create(const struct service *service, struct config *config,
    uint64_t number, int fd, const union address *peer)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->config = config;
	session->connection.service = service;
	session->connection.config = config;
	session->connection.facts.number = number;
	session->connection.downstream_fd = fd;
	session->connection.facts.peer = *peer;
	address_unmap(&session->connection.facts.peer);
	session->connection.upstream_fd = -1;
	return session;
}

int
connection_start(const struct service *service, struct config *config,
    uint64_t number, int fd, const union address *peer)
{
	struct session *session =
	    session_create(service, config, number, fd, peer);
	int error;

	if (!session) {
		close(fd);
		config_unref(config);
		admission_leave(service->admission);
		return -ENOMEM;
	}
	error = thread_start(session_run, session);
	if (error)
		session_end(session, false);
	return error;
}

struct connection_table_entry *
connection_restore(const struct service *service, struct config *config,
    const struct handover_connection *record, const uint8_t *const bytes[2],
    const int *fds)
{
	struct account *account =
	    handover_find_account(service->accounts, &record->user);
	struct session *session = session_create(
	    service, config, record->number, fds[0], &record->peer);
	struct connection *connection;
	const struct relay_answer *answer;

	if (!session || !account ||
	    handover_restore(
		record, bytes, fds, &session->connection, &session->relay)) {
		free(session);
		return NULL;
	}
	connection = &session->connection;
	session->began = record->began;
	session->relay.done = end_relay;
	session->relay.answered = note_answer;
	session->relay.read_answer = read_answer;
	answer = &session->relay.answer;
	session->is_logged = connection->service->role == &server_role ||
	    session->relay.bytes[RELAY_UPSTREAM] > 0 ||
	    (answer->len > 0 && !answer->is_awaited);
	relay_restore(&session->relay);
	connection_table_enter(&session->entry, connection);
	connection_table_admit(connection, account, 0);
	connection_table_restore(
	    connection, &session->relay, record->began, !record->is_new);
	admission_adopt(service->admission, record->number);
	return &session->entry;
}
