#include "dial.h"

#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* More attempts at a time would overflow the backlog of a slow acceptor. */
#define OPEN_PARALLEL 64
#define OPEN_LIMIT_NS (60 * SECOND_NS)
#define EVENTS 64
#define TICK_MS 100

/* After that many ports in use, wait a moment before trying more. */
#define PORT_TRIES 8
#define PORT_WAIT_MS 1

enum outcome {
	UNDECIDED,
	ESTABLISHED,
	FAILED,
};

static void
set_option(int fd, int level, int name)
{
	int on = 1;

	if (setsockopt(fd, level, name, &on, sizeof(on)))
		err(1, "setsockopt");
}

static int
open_socket(const struct options *options)
{
	int fd =
	    socket(options->to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		err(1, "socket");
	set_option(fd, IPPROTO_TCP, TCP_NODELAY);
	return fd;
}

/*
 * SO_REUSEADDR: the port's last connection is always in TIME_WAIT here, and the
 * port can be used again nevertheless.
 */
static bool
bind_next_port(struct dialer *dialer, int fd)
{
	const struct options *options = dialer->options;
	union address source = { .any.sa_family = options->to.any.sa_family };

	set_option(fd, SOL_SOCKET, SO_REUSEADDR);
	address_set_port(
	    &source, (uint16_t)(options->first_port + dialer->next_port));
	dialer->next_port = (dialer->next_port + 1) % options->port_count;
	return bind(fd, &source.any, address_len(&source)) == 0;
}

/* Returns a descriptor, or -1 when the source port is still in use. */
static int
start_connecting(struct dialer *dialer)
{
	const struct options *options = dialer->options;
	int fd = open_socket(options);

	if ((!options->first_port || bind_next_port(dialer, fd)) &&
	    (connect(fd, &options->to.any, address_len(&options->to)) == 0 ||
		errno == EINPROGRESS))
		return fd;
	if (!options->first_port ||
	    (errno != EADDRINUSE && errno != EADDRNOTAVAIL))
		err(1, "cannot connect");
	close(fd);
	return -1;
}

/*
 * Returns false if each port that was tried is still in use: a closed
 * connection keeps its port until the other side has closed, too.
 */
static bool
begin(struct dialer *dialer, struct attempt *attempt)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLET,
		.data.ptr = attempt,
	};

	attempt->asked = false;
	attempt->started_ns = clock_ns();
	for (int i = 0; i < PORT_TRIES && attempt->fd < 0; i++)
		attempt->fd = start_connecting(dialer);
	if (attempt->fd < 0)
		return false;
	if (epoll_ctl(dialer->epoll_fd, EPOLL_CTL_ADD, attempt->fd, &event))
		err(1, "epoll_ctl");
	dialer->begun++;
	dialer->under_way++;
	return true;
}

/* Before the connection is established both calls return EAGAIN. */
static enum outcome
advance(const struct dialer *dialer, struct attempt *attempt)
{
	char answer;
	ssize_t count;

	if (!attempt->asked) {
		count = send(attempt->fd, &dialer->service, 1, MSG_NOSIGNAL);
		if (count < 0)
			return errno == EAGAIN ? UNDECIDED : FAILED;
		attempt->asked = true;
	}
	count = recv(attempt->fd, &answer, 1, 0);
	if (count < 0 && errno == EAGAIN)
		return UNDECIDED;
	return count == 1 && answer == dialer->service ? ESTABLISHED : FAILED;
}

static void
keep(struct dialer *dialer, int fd)
{
	if (epoll_ctl(dialer->epoll_fd, EPOLL_CTL_DEL, fd, NULL))
		err(1, "epoll_ctl");
	dialer->kept_fds[dialer->established] = fd;
}

static void
settle(struct dialer *dialer, struct attempt *attempt, bool established)
{
	if (established && dialer->kept_fds)
		keep(dialer, attempt->fd);
	else
		close(attempt->fd);
	attempt->fd = -1;
	dialer->under_way--;
	if (!established) {
		dialer->failed++;
		return;
	}
	dialer->established++;
	dialer->ended_ns = clock_ns();
	if (dialer->until_ns && dialer->ended_ns > dialer->until_ns)
		dialer->late++;
	histogram_add(
	    &dialer->times, (uint64_t)(dialer->ended_ns - attempt->started_ns));
}

static bool
wants_more(const struct dialer *dialer)
{
	if (dialer->kept_fds)
		return dialer->begun < dialer->wanted;
	return clock_ns() < dialer->until_ns;
}

static void
handle_events(struct dialer *dialer, int wait_ms)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(dialer->epoll_fd, events, EVENTS, wait_ms);

	for (int i = 0; i < count; i++) {
		struct attempt *attempt = events[i].data.ptr;
		enum outcome outcome = advance(dialer, attempt);

		if (outcome != UNDECIDED)
			settle(dialer, attempt, outcome == ESTABLISHED);
	}
}

/* Returns how long to wait for the pending attempts, in milliseconds. */
static int
begin_more(struct dialer *dialer)
{
	for (size_t i = 0; i < dialer->parallel; i++) {
		if (dialer->attempts[i].fd >= 0)
			continue;
		if (!wants_more(dialer))
			break;
		if (!begin(dialer, &dialer->attempts[i]))
			return PORT_WAIT_MS;
	}
	return TICK_MS;
}

/* Attempts without an answer have failed as well. */
static void
give_up(struct dialer *dialer)
{
	for (size_t i = 0; i < dialer->parallel; i++)
		if (dialer->attempts[i].fd >= 0)
			settle(dialer, &dialer->attempts[i], false);
}

static void
run(struct dialer *dialer, int64_t give_up_ns)
{
	do {
		handle_events(dialer, begin_more(dialer));
	} while ((dialer->under_way > 0 || wants_more(dialer)) &&
	    clock_ns() < give_up_ns);
	give_up(dialer);
}

static void
init(struct dialer *dialer, const struct options *options, size_t parallel)
{
	*dialer = (struct dialer){
		.options = options,
		.parallel = parallel,
		.started_ns = clock_ns(),
		.epoll_fd = epoll_create1(0),
		.attempts = calloc(parallel, sizeof(struct attempt)),
	};
	dialer->ended_ns = dialer->started_ns;
	if (dialer->epoll_fd < 0 || !dialer->attempts)
		err(1, "cannot prepare to connect");
	for (size_t i = 0; i < parallel; i++)
		dialer->attempts[i].fd = -1;
}

void
dialer_open(struct dialer *dialer, const struct options *options, char service)
{
	init(dialer, options, OPEN_PARALLEL);
	dialer->service = service;
	dialer->wanted = options->connections;
	dialer->kept_fds = calloc(options->connections, sizeof(int));
	if (!dialer->kept_fds)
		err(1, "calloc");
	run(dialer, dialer->started_ns + OPEN_LIMIT_NS);
}

void
dialer_repeat(struct dialer *dialer, const struct options *options,
    size_t parallel, size_t number, size_t count)
{
	init(dialer, options, parallel);
	dialer->service = SERVICE_ECHO;
	dialer->next_port = options->port_count * number / count;
	dialer->until_ns = dialer->started_ns + options->duration_ns;
	run(dialer, dialer->until_ns + GRACE_NS);
}

void
dialer_finish(struct dialer *dialer)
{
	if (dialer->kept_fds)
		for (size_t i = 0; i < dialer->established; i++)
			close(dialer->kept_fds[i]);
	free(dialer->kept_fds);
	free(dialer->attempts);
	close(dialer->epoll_fd);
}
