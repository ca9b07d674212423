/*
 * The server of all services in load.h. One thread accepts, and distributes the
 * connections among all threads in turn, itself included.
 */

#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bulk.h"
#include "load.h"

#define BACKLOG 4096
#define EVENTS 256
#define MESSAGE_LEN 65536

struct served {
	int fd;
	char service;   /* 0: not known yet */
	uint64_t bytes; /* discarded */
};

struct worker {
	int epoll_fd;
	int listen_fd; /* -1 in all but the first */
	struct worker *workers;
	size_t count, next;
	char message[MESSAGE_LEN];
};

static int
open_listener(const union address *address)
{
	int on = 1;
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    bind(fd, &address->any, address_len(address)) ||
	    listen(fd, BACKLOG))
		err(1, "cannot listen");
	return fd;
}

static void
watch(int epoll_fd, int operation, int fd, uint32_t events, void *of)
{
	struct epoll_event event = { .events = events, .data.ptr = of };

	if (epoll_ctl(epoll_fd, operation, fd, &event))
		err(1, "epoll_ctl");
}

static void
accept_one(struct worker *worker)
{
	struct worker *to = &worker->workers[worker->next];
	int fd = accept4(worker->listen_fd, NULL, NULL, SOCK_NONBLOCK);
	struct served *served;

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			err(1, "accept");
		return;
	}
	served = calloc(1, sizeof(*served));
	if (!served)
		err(1, "calloc");
	served->fd = fd;
	worker->next = (worker->next + 1) % worker->count;
	watch(to->epoll_fd, EPOLL_CTL_ADD, fd, EPOLLIN, served);
}

/* May block: our clients read all of it before they go on. */
static bool
send_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN) {
			struct pollfd writable = { fd, POLLOUT, 0 };

			poll(&writable, 1, -1);
		} else if (sent < 0) {
			return false;
		} else {
			data += sent;
			len -= (size_t)sent;
		}
	}
	return true;
}

/* The functions below return false when the connection is over. */

static bool
echo(struct worker *worker, const struct served *served)
{
	ssize_t len =
	    recv(served->fd, worker->message, sizeof(worker->message), 0);

	if (len < 0)
		return errno == EAGAIN;
	return len > 0 && send_all(served->fd, worker->message, (size_t)len);
}

static bool
discard_stream(struct served *served)
{
	ssize_t len = bulk_discard(served->fd);

	if (len > 0)
		served->bytes += (uint64_t)len;
	if (len == 0)
		send_all(served->fd, (const char *)&served->bytes,
		    sizeof(served->bytes));
	return len > 0 || (len < 0 && errno == EAGAIN);
}

static bool
generate_stream(
    const struct worker *worker, struct served *served, uint32_t events)
{
	char go;

	if (events & EPOLLIN) {
		/* The byte to start, or the end. */
		if (recv(served->fd, &go, 1, 0) != 1)
			return false;
		watch(worker->epoll_fd, EPOLL_CTL_MOD, served->fd,
		    EPOLLIN | EPOLLOUT, served);
	}
	return !(events & EPOLLOUT) || bulk_send(served->fd) > 0 ||
	    errno == EAGAIN;
}

static bool
answer_first_byte(struct served *served)
{
	if (recv(served->fd, &served->service, 1, 0) != 1)
		return false;
	return send_all(served->fd, &served->service, 1);
}

static bool
handle(struct worker *worker, struct served *served, uint32_t events)
{
	switch (served->service) {
	case 0:
		return answer_first_byte(served);
	case SERVICE_ECHO:
		return echo(worker, served);
	case SERVICE_DISCARD:
		return discard_stream(served);
	case SERVICE_GENERATE:
		return generate_stream(worker, served, events);
	default:
		return false;
	}
}

static void *
work(void *argument)
{
	struct worker *worker = argument;
	struct epoll_event events[EVENTS];

	for (;;) {
		int count = epoll_wait(worker->epoll_fd, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			struct served *served = events[i].data.ptr;

			if (!served) {
				accept_one(worker);
			} else if (!handle(worker, served, events[i].events)) {
				close(served->fd);
				free(served);
			}
		}
	}
	return NULL;
}

void
serve(const struct options *options)
{
	struct worker *workers = calloc(options->threads, sizeof(*workers));

	if (!workers)
		err(1, "calloc");
	for (size_t i = 0; i < options->threads; i++) {
		workers[i].workers = workers;
		workers[i].count = options->threads;
		workers[i].epoll_fd = epoll_create1(0);
		if (workers[i].epoll_fd < 0)
			err(1, "epoll_create1");
	}
	workers[0].listen_fd = open_listener(&options->to);
	watch(workers[0].epoll_fd, EPOLL_CTL_ADD, workers[0].listen_fd, EPOLLIN,
	    NULL);
	puts("{\"listening\": true}");
	run_workers(workers, options->threads, sizeof(*workers), work);
}
