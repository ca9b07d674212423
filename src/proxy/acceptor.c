#include "proxy/acceptor.h"

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
#include "net/socket.h"

/*
 * How long accepting pauses after a failure, mostly for want of descriptors or
 * threads.
 */
#define EXHAUSTED_MS 100

/*
 * A vain accept(2) costs six times as much as poll(2): it makes a socket and a
 * file first. So poll before each of the next calls; a full backlog needs none.
 */
#define POLLS_AFTER_VAIN 8

/* Pause: a loop that tried again at once would only spin. */
static void
rest(struct acceptor *acceptor, const char *tried, int error)
{
	static struct log_limit limit = { .name = "exhaustion" };
	size_t live = admission_live(acceptor->admission);
	unsigned skipped;

	if (log_limit_pass(&limit, &skipped))
		log_error("cannot %s with %zu connections: %s; no connection "
			  "is accepted until one ends (raise ulimit -n, "
			  "pids.max or TasksMax) not_shown=%u",
		    tried, live, strerror(-error), skipped);
	if (live > 0)
		admission_wait(acceptor->admission, live - 1,
		    deadline_after(EXHAUSTED_MS));
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

/* All other errors, those of a security module too, may pass with time. */
static bool
is_bug(int error)
{
	return error == -EBADF || error == -ENOTSOCK || error == -EFAULT;
}

/*
 * accept(2) returned EINVAL: the socket does not listen any more. Another
 * process that shares an adopted listener can shut it down, and ss(8) with -K
 * and -l can shut down any. The socket is still bound to its address.
 */
static void
listen_again(struct acceptor *acceptor)
{
	int error = socket_listen_again(acceptor->listen_fd);

	if (error) {
		log_error("another process shut the listener down, and it "
			  "cannot listen again: %s; restart the service",
		    strerror(-error));
		_exit(EXIT_FAILURE);
	}
	log_error("another process shut the listener down; it listens again");
	/*
	 * Pause, so that two processes that fight over the listener do not
	 * spin.
	 */
	poll(NULL, 0, EXHAUSTED_MS);
}

/*
 * Returns 0 or a negative errno. Connections queued before we set options on an
 * adopted listener did not inherit them; set them here.
 */
static int
accept_one(struct acceptor *acceptor)
{
	union address peer;
	socklen_t len = sizeof(peer);
	int fd = accept4(acceptor->listen_fd, &peer.any, &len, SOCK_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	if (acceptor->is_adopted)
		socket_prepare(fd);
	error = acceptor->take(acceptor->owner, fd, &peer);
	if (error)
		rest(acceptor, "start a thread", error);
	return 0;
}

/*
 * Further connections wait in the backlog. Returns false after
 * admission_close().
 */
static bool
await_room(struct acceptor *acceptor)
{
	static struct log_limit limit = { .name = "full" };
	unsigned times = admission_note_full(acceptor->admission);
	unsigned skipped;

	if (times > 0 && log_limit_pass(&limit, &skipped))
		log_warning(
		    "full connections=%zu times=%u reason=\"max_connections is "
		    "reached; new connections wait until one ends\"",
		    admission_live(acceptor->admission), times);
	return admission_await_room(acceptor->admission);
}

/*
 * Waits for a connection or acceptor_stop(). Shutting the listener down would
 * wake accept(2) too, but the service manager may own the listener and keep it
 * for the next process.
 */
static int
await_somebody(const struct acceptor *acceptor)
{
	struct pollfd ends[] = {
		{ .fd = acceptor->listen_fd, .events = POLLIN },
		{ .fd = acceptor->stop_fd, .events = POLLIN },
	};

	return poll(ends, 2, -1) < 0 ? -errno : 0;
}

/*
 * Ends when admission_await_room() fails: admission_close() comes before
 * acceptor_stop().
 */
static void *
accept_all(void *argument)
{
	struct acceptor *acceptor = argument;
	unsigned polls = 0;

	for (;;) {
		int error = 0;

		/*
		 * Evict a pending connection only once another one waits in the
		 * backlog.
		 */
		if (polls > 0 || !admission_has_room(acceptor->admission))
			error = await_somebody(acceptor);
		if (!await_room(acceptor))
			break;
		if (!error)
			error = accept_one(acceptor);
		if (error == -EAGAIN)
			polls = POLLS_AFTER_VAIN;
		else if (polls > 0)
			polls--;
		if (is_bug(error)) {
			log_error("accept: %s", strerror(-error));
			abort();
		}
		if (error == -EINVAL)
			listen_again(acceptor);
		else if (error && !is_pending_error(error))
			rest(acceptor, "accept", error);
	}
	return NULL;
}

int
acceptor_start(struct acceptor *acceptor)
{
	int error;

	acceptor->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (acceptor->stop_fd < 0)
		return -errno;
	error = -pthread_create(&acceptor->thread, NULL, accept_all, acceptor);
	if (error)
		close(acceptor->stop_fd);
	return error;
}

void
acceptor_stop(struct acceptor *acceptor)
{
	must(eventfd_write(acceptor->stop_fd, 1));
	must(pthread_join(acceptor->thread, NULL));
	close(acceptor->stop_fd);
}
