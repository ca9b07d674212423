#include "net/server_health.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/deadline.h"
#include "base/log.h"
#include "base/must.h"
#include "base/thread.h"
#include "net/endpoint.h"
#include "net/fast_open.h"
#include "net/leg.h"
#include "net/socket.h"

/* How long an address that is away is left alone. */
#define REST_MS 30000

/* The addresses of two configurations, before and after a reload. */
#define ENTRIES_MAX (2 * ENDPOINT_MAX_ADDRESSES)

struct entry {
	union address server;
	bool is_away;
	bool is_logged;  /* that it is away */
	int64_t look_at; /* of deadline_now(): when to look again */
};

/* The oldest entry gives way. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry entries[ENTRIES_MAX];
static size_t entry_count;

/* Until one was away nobody takes the lock. */
static atomic_bool any_away;

/* A thread's task. */
struct look {
	union address server;
	struct local_bind local_bind;
	bool fast; /* silence is held against Fast Open */
};

/* With the lock, like the next one. NULL if nothing is known of it. */
static struct entry *
find(const union address *server)
{
	for (size_t i = 0; i < entry_count && i < ENTRIES_MAX; i++) {
		if (address_equal(&entries[i].server, server))
			return &entries[i];
	}
	return NULL;
}

static struct entry *
find_or_add(const union address *server)
{
	struct entry *entry = find(server);

	if (entry)
		return entry;
	entry = &entries[entry_count++ % ENTRIES_MAX];
	*entry = (struct entry){ .server = *server };
	return entry;
}

bool
server_health_concerns(int error)
{
	return error == -ECONNREFUSED || error == -ETIMEDOUT ||
	    error == -EHOSTUNREACH || error == -ENETUNREACH ||
	    error == -ECONNRESET;
}

void
server_health_failed(const union address *server, int error)
{
	char text[ADDRESS_STRLEN];
	struct entry *entry;
	bool is_news;

	atomic_store(&any_away, true);
	must(pthread_mutex_lock(&lock));
	entry = find_or_add(server);
	is_news = !entry->is_logged;
	/* Failures of users' connections must not put off the next look. */
	if (!entry->is_away)
		entry->look_at = deadline_after(REST_MS);
	entry->is_away = entry->is_logged = true;
	must(pthread_mutex_unlock(&lock));
	if (!is_news)
		return;
	address_format(server, text);
	if (error == -ETIMEDOUT)
		log_warning("server-away server=%s reason=\"no answer for %d "
			    "s; see whether it is up, and whether firewalls "
			    "let the port pass\"",
		    text, SERVER_HEALTH_SILENT_MS / 1000);
	else
		log_warning("server-away server=%s reason=\"%s\"", text,
		    strerror(-error));
}

void
server_health_answered(const union address *server)
{
	char text[ADDRESS_STRLEN];
	struct entry *entry;
	bool is_news = false;

	if (!atomic_load_explicit(&any_away, memory_order_relaxed))
		return;
	must(pthread_mutex_lock(&lock));
	entry = find(server);
	if (entry) {
		is_news = entry->is_logged;
		entry->is_away = entry->is_logged = false;
	}
	must(pthread_mutex_unlock(&lock));
	if (is_news)
		log_warning(
		    "server-back server=%s", address_format(server, text));
}

/* Closed without a byte it is no connection for a server half. */
static void
run_look(void *argument)
{
	struct look *look = argument;
	const char *tried;
	int fd = leg_connect(
	    &look->server, &look->local_bind, SERVER_HEALTH_SILENT_MS, &tried);

	if (fd >= 0) {
		socket_close_gracefully(fd);
		if (look->fast)
			fast_open_failed(&look->server);
		server_health_answered(&look->server);
	} else if (server_health_concerns(fd)) {
		server_health_failed(&look->server, fd);
	}
	free(look);
}

static void
start_look(
    const union address *server, const struct local_bind *local_bind, bool fast)
{
	struct look *look = malloc(sizeof(*look));

	if (!look)
		return;
	*look = (struct look){ *server, *local_bind, fast };
	if (thread_start(run_look, look))
		free(look);
}

void
server_health_doubt(
    const union address *server, const struct local_bind *local_bind, bool fast)
{
	struct entry *entry;
	bool was_away;

	atomic_store(&any_away, true);
	must(pthread_mutex_lock(&lock));
	entry = find_or_add(server);
	was_away = entry->is_away;
	entry->is_away = true;
	if (!was_away)
		entry->look_at = deadline_after(REST_MS);
	must(pthread_mutex_unlock(&lock));
	if (!was_away)
		start_look(server, local_bind, fast);
}

/* *is_due: it is away, and nobody else looks again. */
static bool
ask(const union address *server, bool *is_due)
{
	struct entry *entry;
	bool is_away;

	must(pthread_mutex_lock(&lock));
	entry = find(server);
	is_away = entry && entry->is_away;
	*is_due = is_away && deadline_left(entry->look_at) == 0;
	if (*is_due)
		entry->look_at = deadline_after(REST_MS);
	must(pthread_mutex_unlock(&lock));
	return is_away;
}

size_t
server_health_sort(
    union address *servers, size_t count, const struct local_bind *local_bind)
{
	union address away[ENDPOINT_MAX_ADDRESSES];
	size_t kept = 0, away_count = 0;

	if (!atomic_load_explicit(&any_away, memory_order_relaxed))
		return count;
	for (size_t i = 0; i < count; i++) {
		bool is_due;

		if (ask(&servers[i], &is_due))
			away[away_count++] = servers[i];
		else
			servers[kept++] = servers[i];
		if (is_due)
			start_look(&servers[i], local_bind, false);
	}
	memcpy(&servers[kept], away, away_count * sizeof(*away));
	return kept;
}
