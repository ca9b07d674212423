#include "rig.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/deadline.h"
#include "net/socket.h"
#include "suite.h"

static void
set_buffer(int fd, int name, int len)
{
	if (len > 0)
		ck_assert_int_eq(
		    setsockopt(fd, SOL_SOCKET, name, &len, sizeof(len)), 0);
}

static void
set_buffers(int fd, int len)
{
	set_buffer(fd, SO_RCVBUF, len);
	set_buffer(fd, SO_SNDBUF, len);
}

/* Before it connects, for that is when the window is agreed upon. */
static int
connect_small(const union address *to, int buffer_len)
{
	int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	set_buffers(fd, buffer_len);
	ck_assert_int_eq(connect(fd, &to->any, address_len(to)), 0);
	socket_set_recv_timeout(fd, 60000);
	return fd;
}

/* The user and the relay's downstream socket, which inherits the buffers. */
static void
open_downstream(struct rig *rig, int family, int buffer_len)
{
	union address to = tcp_loopback(family);
	int listen_fd = socket_listen(&to);

	ck_assert_int_ge(listen_fd, 0);
	set_buffers(listen_fd, buffer_len);
	to = tcp_bound(listen_fd);
	rig->end[RELAY_DOWNSTREAM] = connect_small(&to, buffer_len);
	rig->relay.fd[RELAY_DOWNSTREAM] = tcp_accept(listen_fd);
	close(listen_fd);
}

/* The relay's upstream socket and the destination. */
static void
open_upstream(struct rig *rig, int family, int buffer_len)
{
	int listen_fd = tcp_listen(family, 1);
	union address to = tcp_bound(listen_fd);
	int fd = socket_open(family);

	set_buffers(listen_fd, buffer_len);
	set_buffers(fd, buffer_len);
	ck_assert_int_eq(
	    socket_connect(fd, &to, deadline_after(60000), SOCKET_NO_PEER), 0);
	rig->relay.fd[RELAY_UPSTREAM] = fd;
	rig->end[RELAY_UPSTREAM] = tcp_accept(listen_fd);
	close(listen_fd);
}

/* In any thread. */
static void
close_relay(struct relay *relay)
{
	struct rig *rig =
	    (struct rig *)((char *)relay - offsetof(struct rig, relay));

	pthread_mutex_lock(&rig->lock);
	rig->closed = true;
	for (int side = 0; side < 2; side++) {
		if (relay->end == RELAY_EOF && !relay->is_over[side])
			socket_close_gracefully(relay->fd[side]);
		else
			close(relay->fd[side]);
	}
	pthread_mutex_unlock(&rig->lock);
	sem_post(&rig->done);
}

void
rig_open(struct rig *rig, int family, int downstream_buffer_len,
    int upstream_buffer_len)
{
	/* relay.h asks for it: splice(2) has no MSG_NOSIGNAL. */
	signal(SIGPIPE, SIG_IGN);
	memset(rig, 0, sizeof(*rig));
	pthread_mutex_init(&rig->lock, NULL);
	sem_init(&rig->done, 0, 0);
	rig->relay.done = close_relay;
	open_downstream(rig, family, downstream_buffer_len);
	open_upstream(rig, family, upstream_buffer_len);
}

static void *
run_relay(void *argument)
{
	struct rig *rig = argument;

	relay_run(&rig->relay);
	return NULL;
}

int
rig_queued(struct rig *rig, enum relay_side side)
{
	int queued = 0;

	pthread_mutex_lock(&rig->lock);
	if (!rig->closed)
		queued = socket_unacknowledged(rig->relay.fd[side]);
	pthread_mutex_unlock(&rig->lock);
	return queued;
}

void
rig_await_reset(struct rig *rig, enum relay_side side)
{
	bool reset = false;

	while (!reset) {
		poll(NULL, 0, 1);
		pthread_mutex_lock(&rig->lock);
		reset = rig->closed || socket_is_closed(rig->relay.fd[side]);
		pthread_mutex_unlock(&rig->lock);
	}
}

void
rig_take_error(struct rig *rig, enum relay_side side)
{
	int error = 0;
	socklen_t len = sizeof(error);

	pthread_mutex_lock(&rig->lock);
	ck_assert(!rig->closed);
	getsockopt(rig->relay.fd[side], SOL_SOCKET, SO_ERROR, &error, &len);
	pthread_mutex_unlock(&rig->lock);
	ck_assert_int_eq(error, ECONNRESET);
}

void
rig_start(struct rig *rig)
{
	ck_assert_int_eq(pthread_create(&rig->thread, NULL, run_relay, rig), 0);
}

void
rig_join(struct rig *rig)
{
	pthread_join(rig->thread, NULL);
	while (sem_wait(&rig->done)) {
	}
	ck_assert_int_ne(rig->relay.end, RELAY_FAILED);
}

static void
close_ends(struct rig *rig)
{
	for (int side = 0; side < 2; side++) {
		if (rig->end[side] >= 0)
			close(rig->end[side]);
	}
}

void
rig_finish(struct rig *rig, enum relay_end end)
{
	rig_join(rig);
	ck_assert_int_eq(rig->relay.end, end);
	close_ends(rig);
}

void
rig_finish_reset(struct rig *rig, enum relay_side culprit)
{
	rig_join(rig);
	ck_assert_int_eq(rig->relay.end, RELAY_RESET);
	ck_assert_int_eq(rig->relay.culprit, culprit);
	/* EPIPE: it was found when writing, behind the ECONNRESET. */
	ck_assert(rig->relay.error == ECONNRESET || rig->relay.error == EPIPE);
	close_ends(rig);
}

static void *
run_sender(void *argument)
{
	struct rig_sender *sender = argument;

	sender->sent = tcp_send(sender->fd, sender->seed, 0, sender->len);
	if (sender->fin)
		shutdown(sender->fd, SHUT_WR);
	return NULL;
}

void
rig_send(
    struct rig_sender *sender, int fd, unsigned seed, uint64_t len, bool fin)
{
	*sender = (struct rig_sender){
		.fd = fd, .seed = seed, .len = len, .fin = fin
	};
	ck_assert_int_eq(
	    pthread_create(&sender->thread, NULL, run_sender, sender), 0);
}

void
rig_sent(struct rig_sender *sender)
{
	pthread_join(sender->thread, NULL);
	ck_assert_uint_eq(sender->sent, sender->len);
}
