/* Tests of connecting, and of giving up. */

#include "net/socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/deadline.h"
#include "suite.h"
#include "tcp.h"

#define SEED 1

/* Bound, so that no other socket gets the port, but not listening. */
START_TEST(a_refused_connect_says_so)
{
	union address to = tcp_loopback(tcp_family(_i));
	int idle_fd = socket(to.any.sa_family, SOCK_STREAM, 0);
	int fd = socket_open(to.any.sa_family);

	ck_assert_int_eq(bind(idle_fd, &to.any, address_len(&to)), 0);
	to = tcp_bound(idle_fd);
	ck_assert_int_eq(
	    socket_connect(fd, &to, DEADLINE_NEVER, SOCKET_NO_PEER),
	    -ECONNREFUSED);
	close(fd);
	close(idle_fd);
}
END_TEST

/*
 * A listener that answers no SYN: its queue, which holds one connection more
 * than its backlog, is full, so the kernel drops each further SYN.
 */
struct deaf {
	int listen_fd, queued_fd, fd;
	union address address;
};

static void
deaf_open(struct deaf *deaf, int family)
{
	struct pollfd queued;

	deaf->listen_fd = tcp_listen(family, 0);
	deaf->address = tcp_bound(deaf->listen_fd);
	deaf->queued_fd = tcp_connect(&deaf->address);
	queued = (struct pollfd){ .fd = deaf->listen_fd, .events = POLLIN };
	ck_assert_int_eq(poll(&queued, 1, -1), 1);
	deaf->fd = socket_open(family);
}

static void
deaf_close(struct deaf *deaf)
{
	close(deaf->fd);
	close(deaf->queued_fd);
	close(deaf->listen_fd);
}

/* Shorter and longer than the second that it waits without checking. */
static const int waits_ms[] = { 100, 1300 };

START_TEST(a_connect_ends_at_its_deadline_and_not_before)
{
	struct deaf deaf;
	int64_t deadline;

	deaf_open(&deaf, AF_INET);
	deadline = deadline_after(waits_ms[_i]);
	ck_assert_int_eq(
	    socket_connect(deaf.fd, &deaf.address, deadline, SOCKET_NO_PEER),
	    -ETIMEDOUT);
	ck_assert_int_ge(deadline_now(), deadline);
	ck_assert_int_lt(deadline_now(), deadline + 10000);
	deaf_close(&deaf);
}
END_TEST

START_TEST(a_deadline_in_the_past_lets_nothing_connect)
{
	int listen_fd = tcp_listen(AF_INET, 1);
	union address to = tcp_bound(listen_fd);
	int fd = socket_open(AF_INET);

	ck_assert_int_eq(
	    socket_connect(fd, &to, deadline_now() - 1, SOCKET_NO_PEER),
	    -ETIMEDOUT);
	close(fd);
	close(listen_fd);
}
END_TEST

START_TEST(a_connect_is_given_up_when_its_peer_is_reset)
{
	struct deaf deaf;
	int ours, theirs;

	deaf_open(&deaf, AF_INET);
	tcp_open_pair(AF_INET, &ours, &theirs);
	tcp_reset(theirs);
	tcp_await_closed(ours);
	ck_assert_int_eq(
	    socket_connect(deaf.fd, &deaf.address, DEADLINE_NEVER, ours),
	    -ECONNABORTED);
	close(ours);
	deaf_close(&deaf);
}
END_TEST

START_TEST(a_connect_goes_on_when_its_peer_only_half_closes)
{
	struct deaf deaf;
	int ours, theirs;

	deaf_open(&deaf, AF_INET);
	tcp_open_pair(AF_INET, &ours, &theirs);
	ck_assert_uint_eq(tcp_send(theirs, SEED, 0, 1000), 1000);
	shutdown(theirs, SHUT_WR);
	tcp_expect(ours, SEED, 0, 1000);
	ck_assert_int_eq(
	    socket_connect(deaf.fd, &deaf.address, deadline_after(1300), ours),
	    -ETIMEDOUT);
	close(ours);
	close(theirs);
	deaf_close(&deaf);
}
END_TEST

struct attempt {
	struct deaf deaf;
	int result;
};

static void *
run_attempt(void *argument)
{
	struct attempt *attempt = argument;

	attempt->result = socket_connect(attempt->deaf.fd,
	    &attempt->deaf.address, DEADLINE_NEVER, SOCKET_NO_PEER);
	return NULL;
}

static void
await_syn_sent(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	while (info.tcpi_state != TCP_SYN_SENT) {
		poll(NULL, 0, 1);
		ck_assert_int_eq(
		    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	}
}

/*
 * The kernel sends the SYN again after a second. By then there is room in the
 * queue, or the listener is gone.
 */
START_TEST(a_connect_that_takes_longer_than_a_second_has_its_result)
{
	struct attempt attempt;
	pthread_t thread;
	int refused = _i == 1;

	deaf_open(&attempt.deaf, AF_INET);
	ck_assert_int_eq(
	    pthread_create(&thread, NULL, run_attempt, &attempt), 0);
	await_syn_sent(attempt.deaf.fd);
	if (refused)
		shutdown(attempt.deaf.listen_fd, SHUT_RDWR);
	else
		close(tcp_accept(attempt.deaf.listen_fd));
	pthread_join(thread, NULL);
	ck_assert_int_eq(attempt.result, refused ? -ECONNREFUSED : 0);
	deaf_close(&attempt.deaf);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("socket_connect");
	TCase *connect = tcase_create("connect");
	int families = tcp_family_count();

	tcase_add_loop_test(connect, a_refused_connect_says_so, 0, families);
	tcase_add_loop_test(connect,
	    a_connect_ends_at_its_deadline_and_not_before, 0, COUNT(waits_ms));
	tcase_add_test(connect, a_deadline_in_the_past_lets_nothing_connect);
	tcase_add_test(connect, a_connect_is_given_up_when_its_peer_is_reset);
	tcase_add_test(
	    connect, a_connect_goes_on_when_its_peer_only_half_closes);
	tcase_add_loop_test(connect,
	    a_connect_that_takes_longer_than_a_second_has_its_result, 0, 2);
	suite_add_tcase(suite, connect);
	return suite;
}
