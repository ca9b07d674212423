#include "rig.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deadline.h"
#include "socket.h"
#include "suite.h"

static void
set_buffer(int fd, int name, int len)
{
	if (len > 0)
		ck_assert_int_eq(
		    setsockopt(fd, SOL_SOCKET, name, &len, sizeof(len)), 0);
}

/* Before it connects, for that is when the window is agreed upon. */
static int
connect_small(const union address *to, int buffer_len)
{
	int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	set_buffer(fd, SO_RCVBUF, buffer_len);
	set_buffer(fd, SO_SNDBUF, buffer_len);
	ck_assert_int_eq(connect(fd, &to->any, address_len(to)), 0);
	socket_set_recv_timeout(fd, 60000);
	return fd;
}

void
rig_open(struct rig *rig, int family, int buffer_len)
{
	union address own = tcp_loopback(family), to;
	int own_fd = socket_listen(&own);
	int to_fd = tcp_listen(family, 1);
	int *fd = rig->relay.fd;

	memset(rig, 0, sizeof(*rig));
	ck_assert_int_ge(own_fd, 0);
	set_buffer(own_fd, SO_RCVBUF, buffer_len);
	set_buffer(own_fd, SO_SNDBUF, buffer_len);
	own = tcp_bound(own_fd);
	rig->end[RELAY_DOWNSTREAM] = connect_small(&own, buffer_len);
	fd[RELAY_DOWNSTREAM] = tcp_accept(own_fd);

	set_buffer(to_fd, SO_RCVBUF, buffer_len);
	set_buffer(to_fd, SO_SNDBUF, buffer_len);
	to = tcp_bound(to_fd);
	fd[RELAY_UPSTREAM] = socket_open(family);
	set_buffer(fd[RELAY_UPSTREAM], SO_RCVBUF, buffer_len);
	set_buffer(fd[RELAY_UPSTREAM], SO_SNDBUF, buffer_len);
	ck_assert_int_eq(socket_connect(fd[RELAY_UPSTREAM], &to,
			     deadline_after(60000), SOCKET_NO_PEER),
	    0);
	rig->end[RELAY_UPSTREAM] = tcp_accept(to_fd);
	close(own_fd);
	close(to_fd);
}

static void *
run_relay(void *argument)
{
	struct rig *rig = argument;

	rig->result = relay_run(&rig->relay);
	for (int side = 0; side < 2; side++) {
		if (rig->result == 0 && rig->relay.end == RELAY_EOF)
			socket_close_gracefully(rig->relay.fd[side]);
		else
			close(rig->relay.fd[side]);
	}
	return NULL;
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
	ck_assert_int_eq(rig->result, 0);
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
