#include "proxy/handover.h"

#include <errno.h>
#include <poll.h>
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
#include "proxy/replay.h"
#include "proxy/server_version.h"

/* For a new process to read its configuration and enter its sandbox. */
#define PREPARE_MS 60000

/*
 * Relays in which nothing has moved for this long are stopped first, so that
 * the busy ones stand still for a moment only.
 */
#define QUIET_MS 1000

/* The longest pause between two signals to threads that have not stopped. */
#define STOP_MAX_MS 8

/*
 * The length of a message of records. What a connection has in hand is in it,
 * for which one message must have room.
 */
#define PARCEL_LEN (1024 * 1024)
#define RECORD_MAX_LEN (sizeof(struct handover_connection) + 2 * PUMP_PIECE_LEN)
_Static_assert(RECORD_MAX_LEN <= PARCEL_LEN && PARCEL_LEN <= PASSING_MAX_LEN,
    "a message holds any record");
_Static_assert(sizeof(struct replay_record) + 2 * REPLAY_MAX_ROOM / 4 * 3 * 8 <=
	PASSING_MAX_LEN,
    "a message holds both generations of requests");

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
describe_self(const struct handover *handover)
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

/* With the descriptors that hello names. */
static struct passing
compose_hello(const struct handover *handover, struct handover_hello *hello)
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

/* Returns NULL, or why it cannot. The buffer of a new socket has room for it. */
static const char *
greet(struct handover *handover, int fd)
{
	struct handover_hello hello;
	struct passing message;
	int error = -ECANCELED;

	/* After handover_close() the main thread closes the listeners. */
	must(pthread_mutex_lock(&handover->lock));
	if (handover->state == HANDOVER_NONE) {
		hello = describe_self(handover);
		hello.has_status = true;
		hello.has_pidfile = pidfile_descriptor() >= 0;
		message = compose_hello(handover, &hello);
		error = passing_send(fd, &message);
	}
	must(pthread_mutex_unlock(&handover->lock));
	if (error == -ECANCELED)
		return "it is stopping; start without --replace once it has "
		       "ended";
	return error ? strerror(-error) : NULL;
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

	passing_prepare(fd);
	refused = refuse_peer(fd, &pid);
	if (!refused)
		refused = refuse_version(version);
	if (!refused)
		refused = greet(handover, fd);
	if (refused)
		passing_say(fd, HANDOVER_REFUSED, refused, strlen(refused));
	else if (await_go(fd, &go))
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
	struct connection_table_entry *list, **end; /* relays that are still */
	uint64_t served;       /* requests, when they were last told */
	struct passing parcel; /* records that are not sent yet */
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
	struct handover_hello hello = describe_self(round->handover);
	struct passing message;
	int error;

	if (hello.are_adopted)
		hello.listener_count = 0;
	hello.are_adopted = false;
	message = compose_hello(round->handover, &hello);
	error = store_begin(HANDOVER_MAJOR, HANDOVER_MINOR);
	return error ? error : store_put(&message);
}

static int
send_token(const struct round *round)
{
	uint64_t entered =
	    admission_entered(round->handover->service->admission);
	struct passing message = { .kind = HANDOVER_BEGIN,
		.len = sizeof(entered),
		.data = (uint8_t *)&entered,
		.fd_count = 1,
		.fds = { round->token } };

	return exchange(round, &message);
}

static int
send_parcel(struct round *round)
{
	struct passing *parcel = &round->parcel;
	int error = parcel->len > 0 ? exchange(round, parcel) : 0;

	parcel->len = parcel->fd_count = 0;
	return error;
}

/* Makes room for the longest record. */
static int
open_parcel(struct round *round, enum handover_kind kind)
{
	struct passing *parcel = &round->parcel;
	int error = 0;

	if (parcel->len + RECORD_MAX_LEN > PARCEL_LEN ||
	    parcel->fd_count + HANDOVER_MAX_FDS > PASSING_MAX_FDS)
		error = send_parcel(round);
	parcel->kind = kind;
	return error;
}

static void
append(struct passing *parcel, const void *data, size_t len)
{
	if (len > 0)
		memcpy(parcel->data + parcel->len, data, len);
	parcel->len += (uint32_t)len;
}

static void
append_connection(
    struct round *round, const struct connection_table_entry *entry)
{
	struct passing *parcel = &round->parcel;
	struct handover_connection record;
	const uint8_t *bytes[2];

	parcel->fd_count += (uint32_t)connection_describe(
	    entry, &record, bytes, parcel->fds + parcel->fd_count);
	record.is_new = !round->is_first;
	append(parcel, &record, sizeof(record));
	for (int side = 0; side < 2; side++)
		append(parcel, bytes[side], record.flow[side].len);
}

static int
send_accounts(struct round *round)
{
	struct accounts *accounts = round->handover->service->accounts;
	const struct account *account = NULL;
	struct handover_account record;
	int error = 0;

	connection_table_credit(round->handover->service->table);
	while (!error && (account = accounts_next(accounts, account))) {
		error = open_parcel(round, HANDOVER_ACCOUNTS);
		handover_describe_account(&record, account);
		append(&round->parcel, &record, sizeof(record));
	}
	return error ? error : send_parcel(round);
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
	round->end = connection_table_list_still(table, round->end);
	return 0;
}

static int
send_connections(
    struct round *round, const struct connection_table_entry *entry)
{
	int error = 0;

	for (; entry && !error; entry = entry->next) {
		error = open_parcel(round, HANDOVER_CONNECTIONS);
		append_connection(round, entry);
	}
	return error ? error : send_parcel(round);
}

/* A later round is empty more often than not, and then nothing is sent. */
static int
send_quiet(struct round *round, int64_t quiet_ms)
{
	struct connection_table_entry **next = round->end;
	int error = stop_quiet(round, quiet_ms);

	if (!error && !round->is_first && *next)
		error = send_token(round);
	return error ? error : send_connections(round, *next);
}

/*
 * The accounts go as soon as all relays have stopped: a connection that is
 * established later comes in a later round, and is counted with that.
 */
static int
send_first(struct round *round)
{
	int error = round->to_store ? store_hello(round) : send_token(round);
	struct connection_table_entry **next;

	if (!error)
		error = send_quiet(round, QUIET_MS);
	next = round->end;
	if (!error)
		error = stop_quiet(round, 0);
	if (!error)
		error = send_accounts(round);
	return error ? error : send_connections(round, *next);
}

/* So that the new process serves no request again that this one has served. */
static int
send_replay(struct round *round)
{
	struct replay *replay = round->handover->service->replay;
	struct passing message = { .kind = HANDOVER_REPLAY };
	size_t len;
	int error;

	round->served = replay_added(replay);
	message.data = replay_describe(replay, &len);
	message.len = (uint32_t)len;
	error = message.data ? exchange(round, &message) : -ENOMEM;
	free(message.data);
	return error;
}

/*
 * So that nobody can make the new process speak version 1 to a server that has
 * answered in version 2. Each round has all of it, as servers go on to answer.
 */
static int
send_versions(struct round *round)
{
	struct server_version copies[SERVER_VERSION_MAX];
	size_t count = server_version_copy(copies);
	int error = 0;

	for (size_t i = 0; i < count && !error; i++) {
		struct handover_version record = {
			.size = sizeof(record),
			.version = copies[i].version,
			.good_until = copies[i].good_until,
			.server = copies[i].server,
		};

		if (record.version == 0)
			continue;
		error = open_parcel(round, HANDOVER_VERSIONS);
		append(&round->parcel, &record, sizeof(record));
	}
	return error ? error : send_parcel(round);
}

/* The connection of a request may have ended since: its reader may have it. */
static bool
has_served(const struct round *round)
{
	return replay_added(round->handover->service->replay) != round->served;
}

static int
send_round(struct round *round)
{
	static const struct passing end = { .kind = HANDOVER_END };
	int error = round->is_first ? send_first(round) : send_quiet(round, 0);

	if (!error && !round->is_first && !round->list) {
		if (!has_served(round))
			return 0;
		error = send_token(round);
	}
	if (!error && round->handover->is_server)
		error = send_replay(round);
	if (!error)
		error = send_versions(round);
	if (!error)
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
stop_all(struct round *round)
{
	struct connection_table *table = round->handover->service->table;

	while (connection_table_stop(table, 0) > 0)
		poll(NULL, 0, 1);
	connection_table_list_still(table, round->end);
}

/* Threads that have stopped end, so that the new process has room for its own. */
static int
run_round(struct round *round)
{
	struct connection_table_entry *entry, *next;
	bool is_ours;
	int error;

	thread_set_parking(false);
	error = send_round(round);
	thread_set_parking(true);
	is_ours = error && take_back(round);
	if (is_ours && round->to_store)
		store_discard();
	if (is_ours)
		stop_all(round);
	for (entry = round->list; entry; entry = next) {
		next = entry->next;
		(is_ours ? connection_resume : connection_forget)(entry);
	}
	return is_ours ? error : 0;
}

/* Returns 0, or a negative errno, and all connections go on here. */
static int
give(struct handover *handover, bool to_store)
{
	struct round round = { .handover = handover,
		.is_first = handover->state != HANDOVER_GIVEN,
		.to_store = to_store,
		.served = handover->served,
		.parcel.data = malloc(PARCEL_LEN) };
	int error = -ENOMEM;

	round.end = &round.list;
	round.token = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	if (round.token >= 0 && round.parcel.data)
		error = run_round(&round);
	if (round.token >= 0)
		close(round.token);
	free(round.parcel.data);
	handover->served = round.served;
	return error;
}

int
handover_give(struct handover *handover)
{
	int error = handover->fd < 0 ? 0 : give(handover, false);

	if (!error)
		return 0;
	/* Nobody takes a later round any more; in the first, it is only lent. */
	if (handover->state == HANDOVER_GIVEN) {
		close(handover->fd);
		handover->fd = -1;
	}
	log_error("cannot hand over to process %ld: %s; this process goes on "
		  "with all connections",
	    (long)handover->pid, strerror(-error));
	return -1;
}

int
handover_store(struct handover *handover)
{
	int error = give(handover, true);

	if (error)
		log_error("cannot leave the connections to the service "
			  "manager: %s; they have drain_timeout to end",
		    strerror(-error));
	return error ? -1 : 0;
}
