#include "proxy/connection.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/thread.h"
#include "config/config.h"
#include "net/socket.h"
#include "proxy/accounts.h"
#include "proxy/admission.h"
#include "proxy/connection_log.h"
#include "proxy/connection_table.h"
#include "proxy/counterparts.h"
#include "proxy/last_refusals.h"
#include "relay/relay.h"

/*
 * One connection, from accept(2) to close(2). The thread that serves it owns
 * it.
 */
struct life {
	const struct service *service;
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
needs_grace(const struct life *life, enum relay_side side)
{
	return life->relay.end == RELAY_EOF && !life->relay.is_over[side];
}

/* admission_leave() comes last: the program may exit after it. */
static void
life_end(struct life *life, bool was_established)
{
	struct admission *admission = life->service->admission;

	close_end(life->connection.upstream_fd,
	    was_established && needs_grace(life, RELAY_UPSTREAM));
	close_end(life->connection.downstream_fd,
	    was_established && needs_grace(life, RELAY_DOWNSTREAM));
	config_unref(life->config);
	free(life);
	admission_leave(admission);
}

static void
note_refusal(struct life *life, int error)
{
	struct connection *connection = &life->connection;

	account_refuse(connection->facts.account, refusal_of(error));
	last_refusals_note(life->service->refusals, connection,
	    connection->tried, connection_log_reason(connection, error));
	connection_log_refused(connection, error);
}

static void
log_established(struct life *life)
{
	if (!life->is_logged)
		connection_log_established(&life->connection);
	life->is_logged = true;
}

static struct life *
life_of_relay(struct relay *relay)
{
	return (struct life *)((char *)relay - offsetof(struct life, relay));
}

/*
 * The client half sees a reset when the server half refuses, and no reason. So
 * it knows that a connection is established by the first bytes, or if it ends in
 * any other way.
 */
static void
note_answer(struct relay *relay)
{
	log_established(life_of_relay(relay));
}

static void
note_end(struct life *life)
{
	const char *reason =
	    connection_log_unanswered(&life->connection, &life->relay);

	if (!reason) {
		log_established(life);
		return;
	}
	account_refuse(life->connection.facts.account, REFUSAL_UNREACHABLE);
	last_refusals_note(life->service->refusals, &life->connection,
	    "ask the server", reason);
}

/* Called by the last thread of the relay. */
static void
end_relay(struct relay *relay)
{
	struct life *life = life_of_relay(relay);

	connection_table_leave(&life->connection);
	if (life->connection.role->end)
		life->connection.role->end(&life->connection);
	note_end(life);
	connection_log_closed(
	    &life->connection, relay, deadline_now() - life->began);
	life_end(life, true);
}

static void
prepare_relay(struct life *life)
{
	const struct connection *connection = &life->connection;
	struct relay *relay = &life->relay;

	relay->fd[RELAY_DOWNSTREAM] = connection->downstream_fd;
	relay->fd[RELAY_UPSTREAM] = connection->upstream_fd;
	relay->idle_ms = life->config->timeout_ms;
	relay->received_before = connection->received;
	relay->forwarded = connection->early;
	relay->done = end_relay;
	relay->answered = note_answer;
}

/* A gate has many ports, so only its host is noted. */
static void
note_counterpart(struct life *life, int error)
{
	const struct connection *connection = &life->connection;
	union address address = connection->facts.peer;
	socklen_t len = sizeof(address);

	if (connection->role == &client_role &&
	    (error || getpeername(connection->upstream_fd, &address.any, &len)))
		return;
	if (connection->role == &server_role)
		address_set_port(&address, 0);
	if (connection->role == &client_role || life->entry.has_place)
		counterparts_note(life->service->counterparts, &address);
}

static void
life_run(void *argument)
{
	struct life *life = argument;
	struct connection *connection = &life->connection;
	int error;

	life->began = deadline_now();
	connection_table_enter(life->service->table, &life->entry, connection);
	error = connection->role->dial(connection);
	note_counterpart(life, error);
	if (error) {
		connection_table_leave(connection);
		if (error != -ENODATA)
			note_refusal(life, error);
		life_end(life, false);
		return;
	}
	prepare_relay(life);
	connection_table_establish(connection, &life->relay);
	if (connection->role == &server_role)
		log_established(life);
	relay_run(&life->relay);
}

static struct life *
life_of(const struct connection_table_entry *entry)
{
	return (struct life *)((char *)entry - offsetof(struct life, entry));
}

size_t
connection_describe(const struct connection_table_entry *entry,
    struct handover_connection *record, const uint8_t *bytes[2],
    int fds[HANDOVER_MAX_FDS])
{
	const struct life *life = life_of(entry);
	size_t count =
	    handover_describe(record, &life->connection, &life->relay, fds);

	record->began = life->began;
	for (int side = 0; side < 2; side++)
		bytes[side] = life->relay.flow[side].rest.bytes;
	return count;
}

/* close(2) resets nothing: the other process has the same sockets. */
void
connection_forget(struct connection_table_entry *entry)
{
	struct life *life = life_of(entry);

	connection_table_leave(&life->connection);
	for (int side = 0; side < 2; side++)
		pump_rest_finish(&life->relay.flow[side].rest);
	life_end(life, false);
}

void
connection_resume(struct connection_table_entry *entry)
{
	entry->is_listed = false;
	relay_resume(entry->relay);
}

/* Fields that stay 0 are not known yet: AF_UNSPEC is 0 as well. */
static struct life *
life_create(const struct service *service, struct config *config,
    uint64_t number, int fd, const union address *peer)
{
	struct life *life = calloc(1, sizeof(*life));

	if (!life)
		return NULL;
	life->service = service;
	life->config = config;
	life->connection.role = service->role;
	life->connection.config = config;
	life->connection.admission = service->admission;
	life->connection.accounts = service->accounts;
	life->connection.facts.number = number;
	life->connection.downstream_fd = fd;
	life->connection.facts.peer = *peer;
	address_unmap(&life->connection.facts.peer);
	life->connection.upstream_fd = -1;
	return life;
}

int
connection_start(const struct service *service, struct config *config,
    uint64_t number, int fd, const union address *peer)
{
	struct life *life = life_create(service, config, number, fd, peer);
	int error;

	if (!life) {
		close(fd);
		config_unref(config);
		admission_leave(service->admission);
		return -ENOMEM;
	}
	error = thread_start(life_run, life);
	if (error)
		life_end(life, false);
	return error;
}

struct connection_table_entry *
connection_restore(const struct service *service, struct config *config,
    const struct handover_connection *record, const uint8_t *const bytes[2],
    const int *fds)
{
	struct account *account =
	    handover_find_account(service->accounts, &record->user);
	struct life *life =
	    life_create(service, config, record->number, fds[0], &record->peer);
	struct connection *connection;

	if (!life || !account ||
	    handover_restore(
		record, bytes, fds, &life->connection, &life->relay)) {
		free(life);
		return NULL;
	}
	connection = &life->connection;
	life->began = record->began;
	life->relay.done = end_relay;
	life->relay.answered = note_answer;
	life->is_logged = connection->role == &server_role ||
	    life->relay.bytes[RELAY_UPSTREAM] > 0;
	relay_restore(&life->relay);
	connection_table_enter(service->table, &life->entry, connection);
	connection_table_admit(connection, account, 0);
	connection_table_restore(
	    connection, &life->relay, record->began, !record->is_new);
	admission_adopt(service->admission, record->number);
	return &life->entry;
}
