#include "proxy/takeover.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/log.h"
#include "base/passing.h"
#include "base/thread.h"
#include "process/pidfile.h"
#include "process/store.h"
#include "proxy/accounts.h"
#include "proxy/admission.h"
#include "proxy/connection_table.h"
#include "proxy/replay.h"
#include "proxy/server_version.h"

/* How many connections go on before the busy ones get the processors again. */
#define RESUMED_AT_ONCE 64

/* Uses the descriptors of the message, which must not close them any more. */
static bool
keep_greeting(struct takeover *takeover, struct passing *message,
    const struct handover_hello *hello)
{
	size_t count = hello->listener_count, next = 0;

	if (count > ENDPOINT_MAX_ADDRESSES ||
	    message->fd_count != hello->has_status + count + hello->has_pidfile)
		return false;
	if (hello->has_status)
		takeover->status_fd = message->fds[next++];
	for (size_t i = 0; i < count; i++)
		takeover->listen_fds[i] = message->fds[next++];
	takeover->listener_count = count;
	if (hello->has_pidfile)
		pidfile_inherit(message->fds[next]);
	takeover->are_adopted = hello->are_adopted;
	takeover->entered = hello->entered;
	message->fd_count = 0;
	return true;
}

/* Returns NULL, or why it is not so. reason is for words of the other process. */
static const char *
read_greeting(struct takeover *takeover, struct passing *message,
    bool is_server, char reason[256])
{
	struct handover_hello hello;

	if (message->kind == HANDOVER_REFUSED) {
		snprintf(reason, 256, "%.*s", (int)message->len,
		    message->data ? (char *)message->data : "");
		return reason;
	}
	if (message->kind != HANDOVER_HELLO ||
	    !handover_read_hello(message->data, message->len, &hello))
		return "its answer is not understood";
	if (hello.is_server != is_server)
		return "it is the other half";
	if (!keep_greeting(takeover, message, &hello))
		return "its answer is not understood";
	return NULL;
}

static const char *
explain(int error)
{
	return error == -EPROTO
	    ? "that version cannot hand over; restart without --replace"
	    : strerror(-error);
}

static const char *
greet(struct takeover *takeover, bool is_server, char reason[256])
{
	char request[64];
	int len = snprintf(request, sizeof(request), "replace %d %d\n",
	    HANDOVER_MAJOR, HANDOVER_MINOR);
	struct passing message;
	const char *why;
	int error = passing_write(takeover->fd, request, (size_t)len);

	if (!error)
		error = passing_receive(takeover->fd, &message);
	if (error)
		return explain(error);
	why = read_greeting(takeover, &message, is_server, reason);
	passing_finish(&message);
	return why;
}

int
takeover_greet(struct takeover *takeover, const char *path, bool is_server)
{
	char reason[256];
	const char *why;

	if (!*path) {
		log_error("cannot replace the running process: status is "
			  "false in the configuration, and --replace asks at "
			  "that socket");
		return -1;
	}
	takeover->fd = passing_connect(path);
	if (takeover->fd == -ENOENT || takeover->fd == -ECONNREFUSED) {
		log_info("replace path=%s reason=\"nobody is running there; "
			 "starting as usual\"",
		    path);
		takeover->fd = -1;
		return 0;
	}
	why = takeover->fd < 0 ? strerror(-takeover->fd)
			       : greet(takeover, is_server, reason);
	if (why)
		log_error("cannot replace the process at %s: %s", path, why);
	return why ? -1 : 0;
}

void
takeover_load(
    struct takeover *takeover, struct socket_activation *given, bool is_server)
{
	char reason[256];
	struct passing message;
	const char *why;
	int error;

	if (given->stored_count == 0)
		return;
	error = store_read(given, HANDOVER_MAJOR, HANDOVER_MINOR);
	if (!error)
		error = store_next(&message);
	why = error == -EPROTO ? "another version has stored them"
	    : error            ? strerror(-error)
		    : read_greeting(takeover, &message, is_server, reason);
	if (!error)
		passing_finish(&message);
	takeover->is_stored = !why;
	if (!why)
		return;
	store_close();
	log_error("cannot take over the connections that the service manager "
		  "has stored: %s; they are reset",
	    why);
}

/* The connections that are taken at once: all of them, or none. */
struct round {
	struct takeover *takeover;
	int token;
	struct connection_table_entry *list; /* the latest one first */
	size_t count;
};

/* Makes -1 of the descriptors that are the connection's now. */
static int
take_connection(struct round *round, const struct handover_connection *record,
    const uint8_t *const bytes[2], int *fds, size_t count)
{
	struct takeover *takeover = round->takeover;
	struct config *config = live_config_ref(takeover->live_config);
	struct connection_table_entry *entry =
	    connection_restore(takeover->service, config, record, bytes, fds);

	if (!entry) {
		config_unref(config);
		return -ENOMEM;
	}
	entry->next = round->list;
	round->list = entry;
	round->count++;
	while (count > 0)
		fds[--count] = -1;
	/* Its threads exist before it is ours: there may be no room for them. */
	return thread_reserve(2);
}

/* A store may have lost one. */
static bool
are_there(const int *fds, size_t count)
{
	while (count > 0 && fds[count - 1] >= 0)
		count--;
	return count == 0;
}

static int
take_connections(struct round *round, struct passing *message)
{
	const uint8_t *data = message->data, *bytes[2];
	size_t len = message->len, used = 0;
	struct handover_connection record;
	int error = 0;

	while (len > 0 && !error) {
		int *fds = message->fds + used;

		if (!handover_read_connection(&data, &len, &record, bytes))
			return -EPROTO;
		used += handover_fd_count(&record);
		if (used > message->fd_count)
			return -EPROTO;
		if (are_there(fds, handover_fd_count(&record)))
			error = take_connection(round, &record, bytes, fds,
			    handover_fd_count(&record));
	}
	return error;
}

static int
take_accounts(const struct round *round, const struct passing *message)
{
	const uint8_t *data = message->data;
	size_t len = message->len;

	while (len > 0) {
		struct handover_account record;

		if (!handover_read_account(&data, &len, &record))
			return -EPROTO;
		if (!handover_restore_account(
			round->takeover->service->accounts, &record))
			return -ENOMEM;
	}
	return 0;
}

static int
take_versions(const struct passing *message)
{
	const uint8_t *data = message->data;
	size_t len = message->len;

	while (len > 0) {
		struct handover_version record;

		if (!handover_read_version(&data, &len, &record))
			return -EPROTO;
		server_version_restore(&(struct server_version){
		    .server = record.server,
		    .version = (uint8_t)record.version,
		    .good_until = record.good_until,
		});
	}
	return 0;
}

/* The other process may have accepted connections after its greeting. */
static int
take_token(struct round *round, struct passing *message)
{
	uint64_t entered = 0;

	if (round->token >= 0 || message->fd_count != 1)
		return -EPROTO;
	if (message->len == sizeof(entered))
		memcpy(&entered, message->data, sizeof(entered));
	admission_number_from(round->takeover->service->admission, entered);
	round->token = message->fds[0];
	message->fd_count = 0;
	return 0;
}

static int
take_message(struct round *round, struct passing *message)
{
	switch (message->kind) {
	case HANDOVER_BEGIN:
		return take_token(round, message);
	case HANDOVER_ACCOUNTS:
		return take_accounts(round, message);
	case HANDOVER_CONNECTIONS:
		return take_connections(round, message);
	case HANDOVER_REPLAY:
		return replay_restore(round->takeover->service->replay,
			   message->data, message->len)
		    ? 0
		    : -EPROTO;
	case HANDOVER_VERSIONS:
		return take_versions(message);
	case HANDOVER_END:
		return round->token >= 0 || round->takeover->is_stored
		    ? 0
		    : -EPROTO;
	default:
		return -EPROTO;
	}
}

/* After the first round there may be none for long. */
static int
receive(const struct round *round, struct passing *message)
{
	struct takeover *takeover = round->takeover;
	int error;

	if (takeover->is_stored)
		return store_next(message);
	do {
		error = passing_receive(takeover->fd, message);
	} while (error == -ETIMEDOUT && round->token < 0 &&
	    atomic_load(&takeover->is_following));
	return error;
}

/* Until the end of the round. */
static int
receive_all(struct round *round)
{
	struct takeover *takeover = round->takeover;
	struct passing message;
	bool is_end = false;
	int error = 0;

	while (!error && !is_end) {
		error = receive(round, &message);
		if (error)
			break;
		error = take_message(round, &message);
		is_end = message.kind == HANDOVER_END;
		passing_finish(&message);
		if (!error && !is_end && !takeover->is_stored)
			error = passing_say(
			    takeover->fd, HANDOVER_RECEIVED, NULL, 0);
	}
	return error;
}

/*
 * Whether this process owns the round that ended with that error. What a process
 * that has died brought is ours, unless it had taken the round back.
 */
static bool
win(const struct round *round, int error)
{
	uint64_t value;

	if (round->takeover->is_stored)
		return true;
	return (!error || error == -ECONNRESET) && round->token >= 0 &&
	    read(round->token, &value, sizeof(value)) == sizeof(value);
}

/*
 * The busy ones came last, and go on first. Waking all others at once would take
 * the processors away from them.
 */
static void
resume_all(const struct round *round)
{
	struct connection_table_entry *entry, *next;
	size_t left = round->count;

	for (entry = round->list; entry; entry = next) {
		next = entry->next;
		connection_resume(entry);
		if (left-- % RESUMED_AT_ONCE == 0)
			poll(NULL, 0, 1);
	}
}

static void
drop_all(const struct round *round)
{
	struct connection_table_entry *entry, *next;

	for (entry = round->list; entry; entry = next) {
		next = entry->next;
		connection_forget(entry);
	}
}

/* Returns how many connections were taken, or a negative errno. */
static ssize_t
take_round(struct takeover *takeover)
{
	struct round round = { .takeover = takeover, .token = -1 };
	int error = receive_all(&round);
	bool is_ours = win(&round, error);

	if (is_ours && error)
		log_warning("the process that was being replaced has died; "
			    "taken over connections=%zu, and the others are "
			    "reset",
		    round.count);
	if (takeover->is_stored)
		store_close();
	(is_ours ? resume_all : drop_all)(&round);
	/* Otherwise the other process sees the end, and lets go, too. */
	if (is_ours && !takeover->is_stored &&
	    passing_say(takeover->fd, HANDOVER_TAKEN, NULL, 0))
		shutdown(takeover->fd, SHUT_RDWR);
	if (round.token >= 0)
		close(round.token);
	if (is_ours)
		return (ssize_t)round.count;
	return error ? error : -ECANCELED;
}

/* The other process finishes handshakes, and brings what comes of them. */
static void
follow(void *argument)
{
	struct takeover *takeover = argument;

	while (take_round(takeover) >= 0) {
	}
	close(takeover->fd);
	atomic_store(&takeover->is_following, false);
}

static ssize_t
begin(struct takeover *takeover)
{
	struct handover_go go = { .size = sizeof(go),
		.has_pidfile = pidfile_is_inherited() };
	int error = takeover->is_stored
	    ? 0
	    : passing_say(takeover->fd, HANDOVER_GO, &go, sizeof(go));

	return error ? error : take_round(takeover);
}

int
takeover_run(struct takeover *takeover, const struct service *service,
    struct live_config *live_config)
{
	int64_t began = deadline_now();
	ssize_t count;

	takeover->service = service;
	takeover->live_config = live_config;
	admission_number_from(service->admission, takeover->entered);
	count = begin(takeover);
	if (count < 0) {
		log_error("cannot take over the connections: %s; the other "
			  "process goes on",
		    explain((int)count));
		close(takeover->fd);
		return -1;
	}
	log_info("handed-over connections=%zd seconds=%.3f", count,
	    (double)(deadline_now() - began) / 1000);
	if (takeover->is_stored)
		return 0;
	atomic_store(&takeover->is_following, true);
	if (thread_start(follow, takeover)) {
		close(takeover->fd);
		atomic_store(&takeover->is_following, false);
	}
	return 0;
}
