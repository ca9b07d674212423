#include "proxy/handover.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/log.h"
#include "base/must.h"
#include "base/passing.h"
#include "base/signals.h"
#include "base/thread.h"
#include "process/notify.h"
#include "process/pidfile.h"
#include "process/store.h"
#include "proxy/accounts.h"
#include "proxy/admission.h"
#include "proxy/connection_table.h"

/* For a new process to read its configuration and enter its sandbox. */
#define PREPARE_MS 60000

/*
 * Relays in which nothing has moved for this long are stopped first, so that
 * the busy ones stand still for a moment only.
 */
#define QUIET_MS 1000

/* The longest pause between two signals to threads that have not stopped. */
#define STOP_MAX_MS 8

/* Connections that may be established while a round begins. */
#define SPARE 64

void
handover_init(struct handover *handover, const struct service *service,
    const struct listeners *listeners, int status_fd, bool is_server)
{
	*handover = (struct handover){ .service = service,
		.listeners = listeners,
		.status_fd = status_fd,
		.is_server = is_server,
		.fd = -1 };
	must(pthread_mutex_init(&handover->lock, NULL));
	must(pthread_cond_init(&handover->changed, NULL));
}

/* Returns NULL, or why the peer may not replace this process. */
static const char *
refuse_peer(int fd, pid_t *pid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return strerror(errno);
	*pid = peer.pid;
	return peer.uid == 0 || peer.uid == geteuid()
	    ? NULL
	    : "only root and the user of the service may do that";
}

static const char *
refuse_version(const char *version)
{
	char *rest, *end;
	long major = strtol(version, &rest, 10), minor = strtol(rest, &end, 10);

	if (end == rest || major != HANDOVER_MAJOR || minor < HANDOVER_MINOR)
		return "the running version hands over in another format; "
		       "restart without --replace";
	return NULL;
}

static struct handover_hello
hello_of(const struct handover *handover)
{
	return (struct handover_hello){
		.size = sizeof(struct handover_hello),
		.is_server = handover->is_server,
		.are_adopted = handover->listeners->are_adopted,
		.listener_count = (uint32_t)handover->listeners->count,
		.entered = admission_entered(handover->service->admission),
		.connections = admission_live(handover->service->admission),
	};
}

static struct passing
say_hello(const struct handover *handover, struct handover_hello *hello)
{
	struct passing message = { .kind = HANDOVER_HELLO,
		.len = sizeof(*hello),
		.data = (uint8_t *)hello };

	if (hello->has_status)
		message.fds[message.fd_count++] = handover->status_fd;
	for (uint32_t i = 0; i < hello->listener_count; i++)
		message.fds[message.fd_count++] =
		    handover->listeners->list[i].fd;
	if (hello->has_pidfile)
		message.fds[message.fd_count++] = pidfile_descriptor();
	return message;
}

static int
greet(const struct handover *handover, int fd)
{
	struct handover_hello hello = hello_of(handover);
	struct passing message;

	hello.has_status = true;
	hello.has_pidfile = pidfile_descriptor() >= 0;
	message = say_hello(handover, &hello);
	return passing_send(fd, &message);
}

/* The new process may take long to start, or change its mind. */
static bool
await_go(int fd, struct handover_go *go)
{
	int64_t deadline = deadline_after(PREPARE_MS);
	struct passing message;
	bool is_right;
	int error;

	do {
		error = passing_receive(fd, &message);
	} while (error == -ETIMEDOUT && deadline_left(deadline) > 0);
	if (error)
		return false;
	is_right = message.kind == HANDOVER_GO &&
	    handover_read_go(message.data, message.len, go);
	passing_finish(&message);
	return is_right;
}

/* Lets the main thread give, and waits for the outcome. */
static void
ask_main(struct handover *handover, int fd, pid_t pid, bool gives_pidfile)
{
	must(pthread_mutex_lock(&handover->lock));
	if (handover->state == HANDOVER_NONE) {
		handover->state = HANDOVER_WANTED;
		handover->fd = fd;
		handover->pid = pid;
		handover->gives_pidfile = gives_pidfile;
		signals_wake_main();
	}
	while (handover->state == HANDOVER_WANTED)
		must(pthread_cond_wait(&handover->changed, &handover->lock));
	must(pthread_mutex_unlock(&handover->lock));
}

void
handover_offer(struct handover *handover, int fd, const char *version)
{
	struct handover_go go = { 0 };
	const char *refused;
	pid_t pid = 0;

	refused = refuse_peer(fd, &pid);
	if (!refused)
		refused = refuse_version(version);
	if (refused) {
		passing_say(fd, HANDOVER_REFUSED, refused, strlen(refused));
		return;
	}
	passing_prepare(fd);
	if (!greet(handover, fd) && await_go(fd, &go))
		ask_main(handover, fd, pid, go.has_pidfile);
}

bool
handover_is_in(struct handover *handover, enum handover_state state)
{
	bool is_in;

	must(pthread_mutex_lock(&handover->lock));
	is_in = handover->state == state;
	must(pthread_mutex_unlock(&handover->lock));
	return is_in;
}

static void
set_state(struct handover *handover, enum handover_state state)
{
	must(pthread_mutex_lock(&handover->lock));
	handover->state = state;
	must(pthread_cond_broadcast(&handover->changed));
	must(pthread_mutex_unlock(&handover->lock));
}

/* The status socket's thread closes its own descriptor. */
void
handover_decide(struct handover *handover, bool is_given)
{
	handover->fd = is_given ? dup(handover->fd) : -1;
	if (is_given && handover->gives_pidfile)
		pidfile_forget();
	if (is_given)
		notify_main_pid(handover->pid);
	set_state(handover, is_given ? HANDOVER_GIVEN : HANDOVER_NONE);
}

void
handover_close(struct handover *handover)
{
	set_state(handover, HANDOVER_CLOSED);
}

/* The connections that are given at once: all of them, or none. */
struct round {
	const struct handover *handover;
	bool is_first;
	bool to_store; /* the manager's, instead of the new process */
	int token;
	struct connection_table_entry **list; /* the relays that are still */
	size_t count, max;
};

static int
exchange(const struct round *round, const struct passing *message)
{
	uint32_t wanted =
	    message->kind == HANDOVER_END ? HANDOVER_TAKEN : HANDOVER_RECEIVED;
	int fd = round->handover->fd;
	struct passing answer;
	int error;

	if (round->to_store)
		return store_put(message);
	error = passing_send(fd, message);
	if (!error)
		error = passing_receive(fd, &answer);
	if (error)
		return error;
	error = answer.kind == wanted ? 0 : -EPROTO;
	passing_finish(&answer);
	return error;
}

/* The manager keeps the listeners of its own. */
static int
store_hello(const struct round *round)
{
	const struct handover *handover = round->handover;
	struct handover_hello hello = hello_of(handover);
	struct passing message;
	int error;

	if (hello.are_adopted)
		hello.listener_count = 0;
	hello.are_adopted = false;
	message = say_hello(handover, &hello);
	error = store_begin(HANDOVER_MAJOR, HANDOVER_MINOR);
	return error ? error : store_put(&message);
}

static int
send_token(const struct round *round)
{
	struct passing message = {
		.kind = HANDOVER_BEGIN, .fd_count = 1, .fds = { round->token }
	};

	return exchange(round, &message);
}

static bool
append(struct passing *message, const void *data, size_t len)
{
	uint8_t *longer;

	if (len == 0)
		return true;
	longer = realloc(message->data, message->len + len);
	if (!longer)
		return false;
	memcpy(longer + message->len, data, len);
	message->data = longer;
	message->len += (uint32_t)len;
	return true;
}

static bool
append_connection(const struct round *round, struct passing *message,
    const struct connection_table_entry *entry)
{
	struct handover_connection record;
	const uint8_t *bytes[2];

	message->fd_count += (uint32_t)connection_describe(
	    entry, &record, bytes, message->fds + message->fd_count);
	record.is_new = !round->is_first;
	return append(message, &record, sizeof(record)) &&
	    append(message, bytes[0], record.flow[0].len) &&
	    append(message, bytes[1], record.flow[1].len);
}

/* Those from that position of the list on. */
static int
send_listed(const struct round *round, size_t next)
{
	int error = 0;

	while (next < round->count && !error) {
		struct passing message = { .kind = HANDOVER_CONNECTIONS };

		while (next < round->count && !error &&
		    message.fd_count + HANDOVER_MAX_FDS <= PASSING_MAX_FDS) {
			if (!append_connection(
				round, &message, round->list[next++]))
				error = -ENOMEM;
		}
		if (!error)
			error = exchange(round, &message);
		free(message.data);
	}
	return error;
}

static int
send_accounts(const struct round *round)
{
	struct accounts *accounts = round->handover->service->accounts;
	struct passing message = { .kind = HANDOVER_ACCOUNTS };
	const struct account *account = NULL;
	int error = 0;

	connection_table_credit(round->handover->service->table);
	while (!error && (account = accounts_next(accounts, account))) {
		struct handover_account record;

		handover_describe_account(&record, account);
		if (!append(&message, &record, sizeof(record)))
			error = -ENOMEM;
	}
	if (!error)
		error = exchange(round, &message);
	free(message.data);
	return error;
}

/* Stops the relays that were quiet for that long, and lists them. */
static int
stop_quiet(struct round *round, int64_t quiet_ms)
{
	struct connection_table *table = round->handover->service->table;
	int64_t deadline = deadline_after(PASSING_WAIT_MS);
	int wait_ms = 1;

	while (connection_table_stop(table, quiet_ms) > 0) {
		if (deadline_left(deadline) == 0)
			return -ETIMEDOUT;
		poll(NULL, 0, wait_ms);
		wait_ms = wait_ms < STOP_MAX_MS ? 2 * wait_ms : STOP_MAX_MS;
	}
	round->count += connection_table_list_still(
	    table, round->list + round->count, round->max - round->count);
	return 0;
}

static int
send_all(struct round *round)
{
	int error = round->to_store ? store_hello(round) : send_token(round);

	for (int64_t quiet_ms = QUIET_MS; !error && quiet_ms >= 0;
	     quiet_ms -= QUIET_MS) {
		size_t next = round->count;

		error = stop_quiet(round, quiet_ms);
		if (!error)
			error = send_listed(round, next);
	}
	return error ? error : send_accounts(round);
}

/* What has been established since, which is often nothing. */
static int
send_new(struct round *round)
{
	int error = stop_quiet(round, 0);

	if (!error && round->count > 0)
		error = send_token(round);
	return error ? error : send_listed(round, 0);
}

static int
send_round(struct round *round)
{
	static const struct passing end = { .kind = HANDOVER_END };
	int error = round->is_first ? send_all(round) : send_new(round);

	if (error || (!round->is_first && round->count == 0))
		return error;
	error = exchange(round, &end);
	return !error && round->to_store ? store_finish() : error;
}

/* False if the new process has been quicker, and owns the round. */
static bool
take_back(const struct round *round)
{
	uint64_t value;

	return read(round->token, &value, sizeof(value)) == sizeof(value);
}

/* Some of the relays may not be still yet. */
static void
resume_all(struct round *round)
{
	struct connection_table *table = round->handover->service->table;

	while (connection_table_stop(table, 0) > 0)
		poll(NULL, 0, 1);
	do {
		for (size_t i = 0; i < round->count; i++)
			connection_resume(round->list[i]);
		round->count =
		    connection_table_list_still(table, round->list, round->max);
	} while (round->count > 0);
}

static int
open_round(struct round *round, struct handover *handover)
{
	int error;

	*round = (struct round){ .handover = handover,
		.is_first = handover->state != HANDOVER_GIVEN,
		.max = admission_live(handover->service->admission) + SPARE };
	round->list =
	    malloc(round->max * sizeof(struct connection_table_entry *));
	if (!round->list)
		return -ENOMEM;
	round->token = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	error = round->token < 0 ? -errno : 0;
	if (error)
		free(round->list);
	return error;
}

/* Threads that have stopped end, so that the new process has room for its own. */
static int
give(struct round *round)
{
	int error;

	thread_set_parking(false);
	error = send_round(round);
	thread_set_parking(true);
	if (error && take_back(round)) {
		if (round->to_store)
			store_discard();
		resume_all(round);
		return error;
	}
	for (size_t i = 0; i < round->count; i++)
		connection_forget(round->list[i]);
	return 0;
}

/* Returns 0, or a negative errno, and all connections go on here. */
static int
give_round(struct handover *handover, bool to_store)
{
	struct round round;
	int error = open_round(&round, handover);

	if (error)
		return error;
	round.to_store = to_store;
	error = give(&round);
	close(round.token);
	free(round.list);
	return error;
}

int
handover_give(struct handover *handover)
{
	int error = handover->fd < 0 ? 0 : give_round(handover, false);

	if (!error)
		return 0;
	if (handover->state == HANDOVER_GIVEN)
		handover->fd = -1;
	log_error("cannot hand over to process %ld: %s; this process goes on "
		  "with all connections",
	    (long)handover->pid, strerror(-error));
	return -1;
}

int
handover_store(struct handover *handover)
{
	int error = give_round(handover, true);

	if (error)
		log_error("cannot leave the connections to the service "
			  "manager: %s; they have drain_timeout to end",
		    strerror(-error));
	return error ? -1 : 0;
}
