#include "proxy.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "deadline.h"
#include "log.h"
#include "registry.h"
#include "socket.h"
#include "thread.h"

/* How long accepting rests when there are no descriptors or threads left. */
#define EXHAUSTED_MS 100

struct listener {
	struct proxy *proxy;
	union address address;
	int fd;
	pthread_t acceptor;
};

struct proxy {
	const struct role *role;
	const struct config *config;
	struct registry registry;
	struct listener listeners[ENDPOINT_MAX_ADDRESSES];
	size_t listener_count;
	atomic_bool stopping;
	struct log_limit exhausted;
};

/* Workers that outlive proxy_run() go on to use it. */
static struct proxy running;

/* What a worker starts with; the worker frees it. */
struct job {
	struct proxy *proxy;
	uint64_t number;
	int fd;
	union address peer;
};

static void
work(void *argument)
{
	struct job job = *(struct job *)argument;

	free(argument);
	connection_serve(
	    job.proxy->role, job.proxy->config, job.number, job.fd, &job.peer);
	registry_leave(&job.proxy->registry);
}

/* Owns fd. Returns 0, or a negative errno when the peer had to be reset. */
static int
hand_over(struct proxy *proxy, int fd, const union address *peer)
{
	struct job *job = malloc(sizeof(*job));
	int error;

	if (!job) {
		close(fd);
		return -ENOMEM;
	}
	job->proxy = proxy;
	job->number = registry_enter(&proxy->registry);
	job->fd = fd;
	job->peer = *peer;
	error = thread_start(work, job);
	if (error) {
		registry_leave(&proxy->registry);
		free(job);
		close(fd);
	}
	return error;
}

/* Nothing to do but wait: a loop that tries again at once would only spin. */
static void
rest(struct proxy *proxy, const char *tried, int error)
{
	size_t live = registry_live(&proxy->registry);
	unsigned skipped;

	if (log_limit_pass(&proxy->exhausted, &skipped))
		log_error("cannot %s with %zu connections: %s; accepting rests "
			  "until one ends (raise ulimit -n, pids.max or "
			  "TasksMax) not_shown=%u",
		    tried, live, strerror(-error), skipped);
	if (live > 0)
		registry_wait(
		    &proxy->registry, live - 1, deadline_after(EXHAUSTED_MS));
	else
		poll(NULL, 0, EXHAUSTED_MS);
}

/*
 * accept(2) lists errors of the network that may be pending on a new
 * connection, and says to treat them like EAGAIN.
 */
static bool
is_pending_error(int error)
{
	switch (error) {
	case -EINTR:
	case -EAGAIN:
	case -ECONNABORTED:
	case -ENETDOWN:
	case -EPROTO:
	case -ENOPROTOOPT:
	case -EHOSTDOWN:
	case -ENONET:
	case -EHOSTUNREACH:
	case -EOPNOTSUPP:
	case -ENETUNREACH:
	case -EPERM:
	case -ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

static bool
is_exhaustion(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOBUFS ||
	    error == -ENOMEM;
}

static void *
accept_all(void *argument)
{
	struct listener *listener = argument;
	struct proxy *proxy = listener->proxy;

	while (!atomic_load(&proxy->stopping)) {
		union address peer;
		socklen_t len = sizeof(peer);
		int fd = accept4(listener->fd, &peer.any, &len, SOCK_CLOEXEC);
		int error = fd < 0 ? -errno : 0;

		if (!error) {
			error = hand_over(proxy, fd, &peer);
			if (error)
				rest(proxy, "start a thread", error);
		} else if (is_exhaustion(error)) {
			rest(proxy, "accept", error);
		} else if (!is_pending_error(error) &&
		    !atomic_load(&proxy->stopping)) {
			/* The descriptor itself is wrong: a bug. */
			log_error("accept: %s", strerror(-error));
			abort();
		}
	}
	return NULL;
}

static void
close_listeners(struct proxy *proxy)
{
	for (size_t i = 0; i < proxy->listener_count; i++)
		close(proxy->listeners[i].fd);
	proxy->listener_count = 0;
}

static void
add_listener(struct proxy *proxy, const union address *address, int fd)
{
	struct listener *listener = &proxy->listeners[proxy->listener_count++];

	listener->proxy = proxy;
	listener->address = *address;
	listener->fd = fd;
}

static int
open_listeners(struct proxy *proxy)
{
	const struct endpoint *endpoint = &proxy->config->listen;
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	char text[ADDRESS_STRLEN];
	const char *unknown;
	size_t count;

	unknown = endpoint_resolve(endpoint, addresses, &count);
	if (unknown) {
		log_error("cannot listen on %s: %s", endpoint->host, unknown);
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		int fd = socket_listen(&addresses[i]);
		bool is_unusable = fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT;

		/* localhost may have an IPv6 address, the host no IPv6. */
		if (fd < 0)
			log_error("cannot listen on %s: %s",
			    address_format(&addresses[i], text), strerror(-fd));
		if (fd < 0 && !(is_unusable && count > 1))
			return -1;
		if (fd >= 0)
			add_listener(proxy, &addresses[i], fd);
	}
	return proxy->listener_count > 0 ? 0 : -1;
}

/* accept(2) on a listener that is shut down returns EINVAL. */
static void
stop_acceptors(struct proxy *proxy, size_t started)
{
	atomic_store(&proxy->stopping, true);
	for (size_t i = 0; i < started; i++) {
		shutdown(proxy->listeners[i].fd, SHUT_RD);
		pthread_join(proxy->listeners[i].acceptor, NULL);
	}
}

static int
start_acceptors(struct proxy *proxy)
{
	char text[ADDRESS_STRLEN];

	for (size_t i = 0; i < proxy->listener_count; i++) {
		struct listener *listener = &proxy->listeners[i];
		int error = pthread_create(
		    &listener->acceptor, NULL, accept_all, listener);

		if (error) {
			log_error("cannot start a thread: %s", strerror(error));
			stop_acceptors(proxy, i);
			return -1;
		}
		log_info("listening role=%s address=%s", proxy->role->name,
		    address_format(&listener->address, text));
	}
	return 0;
}

static sigset_t
ending_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	return set;
}

/* Returns when all have ended, time is up, or a second signal comes. */
static size_t
drain(struct proxy *proxy)
{
	const struct timespec slice = { .tv_nsec = 50 * 1000 * 1000 };
	int64_t deadline = deadline_after(proxy->config->drain_ms);
	sigset_t ending = ending_signals();
	size_t live = registry_live(&proxy->registry);

	log_info("stopping connections=%zu", live);
	while (live > 0 && deadline_left(deadline) > 0 &&
	    sigtimedwait(&ending, NULL, &slice) < 0)
		live = registry_live(&proxy->registry);
	log_info("stopped reset=%zu", live);
	return live;
}

int
proxy_open(const struct role *role, const struct config *config)
{
	running.role = role;
	running.config = config;
	registry_init(&running.registry);
	if (open_listeners(&running) == 0)
		return 0;
	close_listeners(&running);
	return -1;
}

int
proxy_run(size_t *live)
{
	sigset_t ending = ending_signals();
	int status = EXIT_FAILURE, number;

	*live = 0;
	if (running.role->prepare(running.config) || start_acceptors(&running))
		goto out;
	sigwait(&ending, &number);
	stop_acceptors(&running, running.listener_count);
	status = EXIT_SUCCESS;
out:
	close_listeners(&running);
	if (status == EXIT_SUCCESS)
		*live = drain(&running);
	return status;
}
