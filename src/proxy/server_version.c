#include "proxy/server_version.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/deadline.h"
#include "base/log.h"
#include "base/must.h"
#include "base/thread.h"
#include "net/leg.h"
#include "net/socket.h"
#include "proxy/client_answer.h"
#include "proxy/client_request.h"

/* How long what is known of an address is good. */
#define KNOWN_MS (3600 * 1000)

/* When to ask again if a check has told nothing. */
#define RETRY_MS 30000

#define CONNECT_MS 3000
#define ANSWER_MS 10000

struct entry {
	struct server_version known;
	bool is_asked; /* a thread does it */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry entries[SERVER_VERSION_MAX];
static size_t entry_count;

/* A thread's task. Its reference keeps the key where it is wiped at the end. */
struct task {
	union address server;
	struct config *config;
};

/*
 * One that speaks version 2 goes last: it must not get version 1 again. One that
 * is asked stays, so that no second thread asks it.
 */
static bool
goes_before(const struct entry *entry, const struct entry *other)
{
	if ((entry->known.version == 2) != (other->known.version == 2))
		return entry->known.version != 2;
	if (entry->is_asked != other->is_asked)
		return other->is_asked;
	return entry->known.good_until < other->known.good_until;
}

/* If there is no free entry, another one gives way. */
static struct entry *
make_room(void)
{
	struct entry *entry = &entries[0];

	if (entry_count < SERVER_VERSION_MAX)
		return &entries[entry_count++];
	for (size_t i = 1; i < SERVER_VERSION_MAX; i++) {
		if (goes_before(&entries[i], entry))
			entry = &entries[i];
	}
	return entry;
}

/* With the lock. */
static struct entry *
find_or_add(const union address *server)
{
	struct entry *entry;

	for (size_t i = 0; i < entry_count; i++) {
		if (address_equal(&entries[i].known.server, server))
			return &entries[i];
	}
	entry = make_room();
	*entry = (struct entry){ .known.server = *server };
	return entry;
}

void
server_version_answered(const union address *server)
{
	char text[ADDRESS_STRLEN];
	struct entry *entry;
	bool is_news;

	must(pthread_mutex_lock(&lock));
	entry = find_or_add(server);
	is_news = entry->known.version != 2;
	entry->known.version = 2;
	entry->known.good_until = deadline_after(KNOWN_MS);
	must(pthread_mutex_unlock(&lock));
	if (is_news)
		log_info("server-version server=%s version=2",
		    address_format(server, text));
}

/* A user may have been answered meanwhile, which counts more. */
static void
note_unanswered(const union address *server, bool is_reset)
{
	char text[ADDRESS_STRLEN];
	struct entry *entry;
	uint8_t before;

	must(pthread_mutex_lock(&lock));
	entry = find_or_add(server);
	before = entry->known.version;
	entry->is_asked = false;
	if (before != 2 || deadline_left(entry->known.good_until) == 0) {
		entry->known.good_until =
		    deadline_after(is_reset ? KNOWN_MS : RETRY_MS);
		if (is_reset)
			entry->known.version = 1;
	}
	is_reset = is_reset && entry->known.version == 1;
	must(pthread_mutex_unlock(&lock));
	if (!is_reset || before == 1)
		return;
	address_format(server, text);
	if (before == 2)
		log_warning("server-version server=%s version=1 reason=\"it "
			    "spoke version 2 before, and now resets it; if "
			    "nobody has put an older version there, somebody "
			    "on the way does this: set protocol to 2\"",
		    text);
	else
		log_info("server-version server=%s version=1", text);
}

static void
note_answer(const union address *server, const uint8_t *answer, size_t len)
{
	char text[ADDRESS_STRLEN], reason[CLIENT_ANSWER_STRLEN];

	server_version_answered(server);
	must(pthread_mutex_lock(&lock));
	find_or_add(server)->is_asked = false;
	must(pthread_mutex_unlock(&lock));
	if (answer[0] != PROTOCOL_CONNECTED)
		log_warning("check-refused server=%s reason=\"%s\"",
		    address_format(server, text),
		    client_answer_reason(answer, len, reason));
}

/*
 * fd is connected. The request must have been sent: a reset before that tells of
 * no version, and neither does silence or an error of the way. The kernel
 * reports a reset behind an end of stream as EPIPE.
 */
static void
ask_connected(const struct task *task, int fd)
{
	uint8_t request[PROTOCOL_REQUEST_MAX_LEN];
	uint8_t answer[CLIENT_ANSWER_MAX_LEN];
	size_t request_len, len = 0;
	bool is_reset = false;
	int error;

	request_len =
	    client_request_encode_check(&task->config->protocol_key, request);
	if (socket_send_all(fd, request, request_len) == 0) {
		error = client_answer_receive(
		    fd, deadline_after(ANSWER_MS), answer, &len);
		is_reset = error == -ECONNRESET || error == -EPIPE ||
		    error == -ENODATA;
	}
	if (len > 0)
		note_answer(&task->server, answer, len);
	else
		note_unanswered(&task->server, is_reset);
}

static void
free_task(struct task *task)
{
	config_unref(task->config);
	free(task);
}

static void
run_task(void *argument)
{
	struct task *task = argument;
	const char *tried;
	int fd = leg_connect(
	    &task->server, &task->config->local_bind, CONNECT_MS, &tried);

	if (fd >= 0) {
		ask_connected(task, fd);
		socket_close_gracefully(fd);
	} else {
		note_unanswered(&task->server, false);
	}
	free_task(task);
}

static void
start_task(const struct config *config, const union address *server)
{
	struct task *task = malloc(sizeof(*task));

	if (task)
		*task = (struct task){ *server, config_ref(config) };
	if (task && thread_start(run_task, task) == 0)
		return;
	if (task)
		free_task(task);
	note_unanswered(server, false);
}

/* True once: the caller then asks. */
static bool
begin(const union address *server, bool is_due, uint8_t *version)
{
	struct entry *entry;
	bool begins;

	must(pthread_mutex_lock(&lock));
	entry = find_or_add(server);
	*version = entry->known.version == 2 ? 2 : 1;
	begins = !entry->is_asked &&
	    (deadline_left(entry->known.good_until) == 0 ||
		(is_due && entry->known.version != 2));
	entry->is_asked = entry->is_asked || begins;
	must(pthread_mutex_unlock(&lock));
	return begins;
}

void
server_version_ask(const struct config *config, const union address *server)
{
	uint8_t version;

	if (config->protocol == PROTOCOL_AUTO && begin(server, true, &version))
		start_task(config, server);
}

uint8_t
server_version_choose(const struct config *config, const union address *server)
{
	uint8_t version;

	if (config->protocol != PROTOCOL_AUTO)
		return config->protocol == PROTOCOL_ONLY_2 ? 2 : 1;
	if (begin(server, false, &version))
		start_task(config, server);
	return version;
}

void
server_version_forget(void)
{
	must(pthread_mutex_lock(&lock));
	for (size_t i = 0; i < entry_count; i++) {
		entries[i].known.version = 0;
		entries[i].known.good_until = 0;
	}
	must(pthread_mutex_unlock(&lock));
}

size_t
server_version_copy(struct server_version copies[SERVER_VERSION_MAX])
{
	size_t count;

	must(pthread_mutex_lock(&lock));
	count = entry_count;
	for (size_t i = 0; i < count; i++)
		copies[i] = entries[i].known;
	must(pthread_mutex_unlock(&lock));
	return count;
}

/* A status byte counts for an hour, whatever a check has found since. */
static bool
is_better(const struct server_version *known, const struct server_version *than)
{
	if (known->version == than->version)
		return known->good_until > than->good_until;
	return than->version == 0 ||
	    (known->version == 2 && deadline_left(known->good_until) > 0);
}

void
server_version_restore(const struct server_version *known)
{
	int64_t latest = deadline_after(KNOWN_MS);
	struct entry *entry;

	must(pthread_mutex_lock(&lock));
	entry = find_or_add(&known->server);
	if (is_better(known, &entry->known))
		entry->known = *known;
	if (entry->known.good_until > latest)
		entry->known.good_until = latest;
	must(pthread_mutex_unlock(&lock));
}
