#include "proxy/proxy.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/deadline.h"
#include "base/log.h"
#include "base/signals.h"
#include "config/live_config.h"
#include "process/limits.h"
#include "process/notify.h"
#include "process/pidfile.h"
#include "process/sandbox.h"
#include "process/store.h"
#include "proxy/acceptor.h"
#include "proxy/accounts.h"
#include "proxy/admission.h"
#include "proxy/connection.h"
#include "proxy/connection_log.h"
#include "proxy/connection_table.h"
#include "proxy/handover.h"
#include "proxy/listeners.h"
#include "proxy/recent.h"
#include "proxy/replay.h"
#include "proxy/status.h"
#include "proxy/status_socket.h"
#include "proxy/takeover.h"
#include "relay/pump.h"

/* How often drain() checks whether all connections have ended. */
#define DRAIN_SLICE_MS 50

/* How often to log what the rate limits of the log have suppressed. */
#define SKIPPED_MS 5000

/* How often rates are computed, and the service manager is told. */
#define SAMPLE_MS 10000

/* The pause between two attempts to accept again. */
#define RETRY_MS 100

/* How long handshakes may take before a restart by the service manager. */
#define HANDSHAKES_MS 2000

struct proxy {
	const struct role *role;
	proxy_reloaded *reloaded;
	struct limits limits;
	struct live_config live_config;
	struct admission admission;
	struct accounts accounts;
	struct connection_table table;
	struct recent recent;
	struct replay replay;
	struct service service; /* made of the six above */
	struct listeners listeners;
	struct acceptor acceptors[ENDPOINT_MAX_ADDRESSES];
	size_t accepting; /* so many of them */
	struct status_source status_source;
	struct status_socket status_socket;
	struct takeover takeover; /* from the process before */
	struct handover handover; /* to the next one */
	bool is_stored;           /* in between */
	int64_t sampled_at;       /* monotonic clock, milliseconds */
};

/* Static: workers that outlive proxy_run() still use it. */
static struct proxy running = { .takeover = { .fd = -1, .status_fd = -1 } };

/* The take() of the acceptors. */
static int
hand_over(void *owner, int fd, const union address *peer)
{
	struct proxy *proxy = owner;
	uint64_t number = admission_enter(&proxy->admission);

	/* admission_enter() may have waited: use the configuration of now. */
	return connection_start(&proxy->service,
	    live_config_ref(&proxy->live_config), number, fd, peer);
}

static void
stop_acceptors(struct proxy *proxy)
{
	admission_close(&proxy->admission);
	while (proxy->accepting > 0)
		acceptor_stop(&proxy->acceptors[--proxy->accepting]);
}

static int
start_acceptors(struct proxy *proxy)
{
	char text[ADDRESS_STRLEN];

	for (size_t i = 0; i < proxy->listeners.count; i++) {
		const struct listener *listener = &proxy->listeners.list[i];
		struct acceptor *acceptor = &proxy->acceptors[i];
		int error;

		acceptor->listen_fd = listener->fd;
		acceptor->is_adopted = proxy->listeners.are_adopted;
		acceptor->admission = &proxy->admission;
		acceptor->take = hand_over;
		acceptor->owner = proxy;
		error = acceptor_start(acceptor);
		if (error) {
			log_error("cannot start to accept: %s (raise "
				  "ulimit -n, ulimit -u, pids.max or TasksMax)",
			    strerror(-error));
			stop_acceptors(proxy);
			return -1;
		}
		proxy->accepting++;
		log_info("listening role=%s address=%s", proxy->role->name,
		    address_format(&listener->address, text));
	}
	return 0;
}

static void
log_status(struct proxy *proxy)
{
	status_log_all(&proxy->accounts, &proxy->table);
}

/* Logs the number of lines that each rate limit has suppressed. */
static void
log_skipped(struct proxy *proxy, bool is_end)
{
	connection_log_skipped(&proxy->accounts, is_end);
	log_report_skipped(is_end);
}

static void
tell_manager(const struct proxy *proxy, size_t live, const uint64_t rates[2])
{
	char text[128];

	snprintf(text, sizeof(text),
	    "%s: %zu connections, %" PRIu64 " kB/s sent, %" PRIu64
	    " kB/s received by the users",
	    proxy->role->name, live, rates[0] / 1000, rates[1] / 1000);
	notify_status(text);
}

/* Rates of users, and the line of the service manager. */
static void
sample(struct proxy *proxy)
{
	int64_t now = deadline_now();
	const struct account *account = NULL;
	uint64_t rates[2] = { 0, 0 };

	if (now - proxy->sampled_at < SAMPLE_MS)
		return;
	connection_table_credit(&proxy->table);
	accounts_sample(&proxy->accounts, now - proxy->sampled_at);
	proxy->sampled_at = now;
	while ((account = accounts_next(&proxy->accounts, account))) {
		rates[0] += atomic_load(&account->sent_rate);
		rates[1] += atomic_load(&account->received_rate);
	}
	tell_manager(proxy, admission_live(&proxy->admission), rates);
}

static bool
is_ending(int signal)
{
	return signal == SIGTERM || signal == SIGINT;
}

/* A process that is replaced brings what becomes of handshakes. */
static void
give_more(struct proxy *proxy)
{
	if (handover_is_in(&proxy->handover, HANDOVER_GIVEN))
		handover_give(&proxy->handover);
}

static size_t
count_live(struct proxy *proxy)
{
	give_more(proxy);
	return admission_live(&proxy->admission) +
	    atomic_load(&proxy->takeover.is_following);
}

/*
 * Returns when all connections have ended, at drain_ms, or at a second signal.
 */
static size_t
drain(struct proxy *proxy)
{
	struct config *config = live_config_ref(&proxy->live_config);
	int64_t deadline =
	    proxy->is_stored ? 0 : deadline_after(config->drain_ms);
	size_t live = count_live(proxy);
	int signal = 0;

	config_unref(config);
	log_info("stopping connections=%zu", live);
	while (live > 0 && deadline_left(deadline) > 0 && !is_ending(signal)) {
		signal = signals_wait_ending(DRAIN_SLICE_MS);
		if (signal == SIGUSR1)
			log_status(proxy);
		live = count_live(proxy);
	}
	/* The last one may have ended after what was given last. */
	give_more(proxy);
	live = admission_live(&proxy->admission);
	status_log_stopped(&proxy->table);
	log_info("stopped reset=%zu", live);
	return live;
}

/*
 * max_connections is obeyed, but its author may not know the limits of the
 * host.
 */
static void
warn_of_limit(const struct limits *limits, size_t wanted)
{
	if (wanted > limits->most.connections)
		log_warning("max_connections=%zu is more than this host allows "
			    "(%zu): raise %s, or connections are reset when "
			    "descriptors, threads or memory run out",
		    wanted, limits->most.connections, limits->most.by);
	else if (!wanted && limits->usual.connections < LIMITS_FEW)
		log_warning("max_connections=%zu is all that %s leaves room "
			    "for, and further connections wait: raise it, or "
			    "accept this by setting max_connections",
		    limits->usual.connections, limits->usual.by);
}

static void
set_limits(struct proxy *proxy, const struct config *config)
{
	const struct limits *limits = &proxy->limits;
	size_t wanted = config->max_connections;
	size_t max = wanted ? wanted : limits->usual.connections;
	size_t pipes = limits_pipes(limits, max);

	warn_of_limit(limits, wanted);
	log_info("limit max_connections=%zu bounded_by=\"%s\" pipes=%zu", max,
	    wanted ? "configuration" : limits->usual.by, pipes);
	admission_set_limit(&proxy->admission, max);
	pump_limit_pipes(pipes);
}

static int
open_listeners(struct listeners *listeners, const struct role *role,
    struct config *config, struct takeover *takeover)
{
	struct socket_activation given;
	int error = socket_activation_read(&given);

	if (error) {
		log_error("LISTEN_PID and LISTEN_FDS of the service manager "
			  "are not numbers");
		return error;
	}
	if (takeover->fd < 0)
		takeover_load(takeover, &given, role == &server_role);
	error = listeners_open(listeners, &config->listen, &given, takeover);
	free(given.fds);
	if (error)
		return error;
	for (size_t i = 0; i < listeners->count && role->open && !error; i++)
		error = role->open(config, listeners->list[i].fd);
	if (error)
		listeners_close(listeners);
	return error;
}

static void
tune_listeners(struct proxy *proxy, const struct config *config)
{
	for (size_t i = 0; i < proxy->listeners.count; i++)
		proxy->role->tune(config, proxy->listeners.list[i].fd);
}

/* Applies the keys that concern the whole program, not one connection. */
static void
use_live_config(struct proxy *proxy)
{
	struct config *config = live_config_ref(&proxy->live_config);

	set_limits(proxy, config);
	/* The status then shows users who have not connected yet, too. */
	accounts_use(&proxy->accounts, &config->acl);
	config_unref(config);
}

static void
begin_role(struct proxy *proxy)
{
	struct config *config = live_config_ref(&proxy->live_config);

	if (proxy->role->begin)
		proxy->role->begin(config);
	config_unref(config);
}

static void
reload(struct proxy *proxy, const char *path)
{
	notify_reloading();
	if (live_config_reload(
		&proxy->live_config, proxy->role->prepare, path)) {
		struct config *config = live_config_ref(&proxy->live_config);

		tune_listeners(proxy, config);
		proxy->reloaded(config);
		config_unref(config);
		use_live_config(proxy);
		begin_role(proxy);
	}
	notify_ready();
}

/* For a process that has connections already: it does not give up. */
static void
accept_surely(struct proxy *proxy)
{
	admission_open(&proxy->admission);
	while (start_acceptors(proxy)) {
		poll(NULL, 0, RETRY_MS);
		admission_open(&proxy->admission);
	}
}

/*
 * Gives everything to the process that waits for it. New connections wait in the
 * backlog of the listeners, which both processes have.
 */
static bool
be_replaced(struct proxy *proxy)
{
	bool is_given;

	/* Anybody who may signal this process can send the same signal. */
	if (!handover_is_in(&proxy->handover, HANDOVER_WANTED))
		return false;
	stop_acceptors(proxy);
	is_given = !handover_give(&proxy->handover);
	if (!is_given)
		accept_surely(proxy);
	handover_decide(&proxy->handover, is_given);
	return is_given;
}

/*
 * Leaves everything to the service manager, which starts the next process once
 * this one has ended. Handshakes must end first, as that process cannot finish
 * them.
 */
static bool
be_stored(struct proxy *proxy)
{
	int64_t deadline = deadline_after(HANDSHAKES_MS);

	if (!notify_is_open())
		return false;
	stop_acceptors(proxy);
	while (connection_table_pending(&proxy->table) > 0 &&
	    deadline_left(deadline) > 0)
		poll(NULL, 0, RETRY_MS / 10);
	return handover_store(&proxy->handover) == 0;
}

static void
serve(struct proxy *proxy, const char *path)
{
	bool is_replaced = false;
	int signal;

	notify_ready();
	while (!is_replaced && !is_ending(signal = signals_wait(SKIPPED_MS)) &&
	    signal != SIGQUIT) {
		if (signal == SIGUSR1)
			log_status(proxy);
		else if (signal == SIGHUP)
			reload(proxy, path);
		else if (signal == SIGNALS_WOKEN)
			is_replaced = be_replaced(proxy);
		log_skipped(proxy, false);
		sample(proxy);
	}
	atomic_store(&proxy->status_source.is_stopping, true);
	if (!is_replaced) {
		handover_close(&proxy->handover);
		notify_stopping();
		proxy->is_stored = signal == SIGQUIT && be_stored(proxy);
		stop_acceptors(proxy);
	}
	listeners_close(&proxy->listeners);
}

static void
start_status(struct proxy *proxy, const char *path)
{
	struct status_source *source = &proxy->status_source;

	*source = (struct status_source){
		.service = &proxy->service,
		.config_path = path,
		.limits = &proxy->limits,
		.live_config = &proxy->live_config,
		.listeners = proxy->listeners,
		.started_at = time(NULL),
	};
	proxy->sampled_at = deadline_now();
	handover_init(&proxy->handover, &proxy->service, &proxy->listeners,
	    proxy->status_socket.listen_fd, proxy->role == &server_role);
	status_socket_start(&proxy->status_socket, source, &proxy->handover);
}

static int
start(struct proxy *proxy)
{
	begin_role(proxy);
	if (start_acceptors(proxy))
		return -1;
	if (pidfile_write() == 0)
		return 0;
	stop_acceptors(proxy);
	return -1;
}

/* No failure to accept ends the connections that have been taken. */
static int
take_over(struct proxy *proxy)
{
	if (takeover_run(
		&proxy->takeover, &proxy->service, &proxy->live_config))
		return -1;
	begin_role(proxy);
	accept_surely(proxy);
	pidfile_write();
	return 0;
}

int
proxy_replace(const struct role *role, const struct config *config)
{
	return takeover_greet(
	    &running.takeover, config->status_path, role == &server_role);
}

int
proxy_open(const struct role *role, struct config *config,
    const struct privilege *owner)
{
	running.role = role;
	admission_init(&running.admission);
	accounts_init(&running.accounts);
	connection_table_init(&running.table);
	recent_init(&running.recent);
	replay_init(&running.replay);
	running.service =
	    (struct service){ role, &running.admission, &running.accounts,
		    &running.table, &running.recent, &running.replay };
	live_config_init(&running.live_config, config_ref(config));
	/*
	 * Only this thread has the configuration yet, so its listener may still
	 * change.
	 */
	if (open_listeners(
		&running.listeners, role, config, &running.takeover)) {
		live_config_finish(&running.live_config);
		return -1;
	}
	tune_listeners(&running, config);
	store_open();
	status_socket_open(
	    &running.status_socket, config, owner, running.takeover.status_fd);
	return 0;
}

int
proxy_run(const struct limits *limits, const char *path,
    proxy_reloaded *reloaded, size_t *live)
{
	struct config *config = live_config_ref(&running.live_config);
	int error = running.role->prepare(config);

	config_unref(config);
	running.limits = *limits;
	running.reloaded = reloaded;
	use_live_config(&running);
	if (!error && (running.takeover.fd >= 0 || running.takeover.is_stored))
		error = take_over(&running);
	else if (!error)
		error = start(&running);
	if (error) {
		listeners_close(&running.listeners);
		*live = admission_live(&running.admission);
	} else {
		start_status(&running, path);
		serve(&running, path);
		*live = drain(&running);
		log_skipped(&running, true);
	}
	status_socket_close(&running.status_socket, sandbox_socket_path());
	live_config_finish(&running.live_config);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
