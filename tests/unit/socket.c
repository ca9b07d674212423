#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "deadline.h"
#include "suite.h"
#include "tcp.h"

#define SEED 1
#define MUCH (16 * 1024 * 1024)

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

/* ours was made by socket_open(), theirs is a plain one. */
static void
open_pair(int family, int *ours, int *theirs)
{
	int listen_fd = tcp_listen(family, 1);
	union address to = tcp_bound(listen_fd);

	*ours = socket_open(family);
	ck_assert_int_ge(*ours, 0);
	ck_assert_int_eq(
	    socket_connect(*ours, &to, deadline_after(60000), SOCKET_NO_PEER),
	    0);
	*theirs = tcp_accept(listen_fd);
	close(listen_fd);
}

static void
check_options(int fd)
{
	struct linger linger = { 0, 9 };
	socklen_t len = sizeof(linger);

	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 30);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 15);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 4);
	ck_assert_int_eq(
	    getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len), 0);
	ck_assert_int_eq(linger.l_onoff, 1);
	ck_assert_int_eq(linger.l_linger, 0);
}

START_TEST(a_socket_has_the_promised_options)
{
	int fd = socket_open(tcp_family(_i));

	check_options(fd);
	close(fd);
}
END_TEST

START_TEST(an_accepted_socket_inherits_the_options)
{
	union address address = tcp_loopback(tcp_family(_i));
	int listen_fd = socket_listen(&address);
	int theirs, fd;

	ck_assert_int_ge(listen_fd, 0);
	address = tcp_bound(listen_fd);
	theirs = tcp_connect(&address);
	fd = tcp_accept(listen_fd);
	check_options(fd);
	close(fd);
	close(theirs);
	close(listen_fd);
}
END_TEST

START_TEST(no_socket_survives_an_exec)
{
	union address address = tcp_loopback(AF_INET);
	int fds[] = { socket_open(AF_INET), socket_listen(&address) };

	for (int i = 0; i < COUNT(fds); i++) {
		ck_assert(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		close(fds[i]);
	}
}
END_TEST

START_TEST(a_family_that_is_none_is_an_error)
{
	ck_assert_int_eq(socket_open(AF_UNSPEC), -EAFNOSUPPORT);
}
END_TEST

START_TEST(a_listener_for_all_addresses_takes_both_families)
{
	union address all, to;
	int listen_fd, theirs, fd;

	ck_assert(address_parse("::", &all));
	listen_fd = socket_listen(&all);
	ck_assert_int_ge(listen_fd, 0);
	to = tcp_loopback(tcp_family(_i));
	all = tcp_bound(listen_fd);
	address_set_port(&to, address_port(&all));
	theirs = tcp_connect(&to);
	fd = tcp_accept(listen_fd);
	close(fd);
	close(theirs);
	close(listen_fd);
}
END_TEST

START_TEST(a_listener_for_one_ipv6_address_takes_ipv6_only)
{
	union address address = tcp_loopback(AF_INET6);
	int fd = socket_listen(&address);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(option(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	close(fd);
}
END_TEST

START_TEST(a_port_that_is_taken_is_an_error)
{
	int taken_fd = tcp_listen(tcp_family(_i), 1);
	union address address = tcp_bound(taken_fd);

	ck_assert_int_eq(socket_listen(&address), -EADDRINUSE);
	close(taken_fd);
}
END_TEST

START_TEST(an_address_of_another_host_cannot_be_listened_to)
{
	union address address;

	ck_assert(address_parse("198.51.100.77", &address));
	ck_assert_int_eq(socket_listen(&address), -EADDRNOTAVAIL);
}
END_TEST

START_TEST(a_listener_can_follow_one_whose_connections_linger)
{
	union address address = tcp_loopback(tcp_family(_i));
	int listen_fd = socket_listen(&address);
	int theirs, fd;

	ck_assert_int_ge(listen_fd, 0);
	address = tcp_bound(listen_fd);
	theirs = tcp_connect(&address);
	fd = tcp_accept(listen_fd);
	/* Who ends first is left in TIME_WAIT, on the listener's port. */
	socket_close_gracefully(fd);
	ck_assert_int_eq(recv(theirs, &fd, 1, 0), 0);
	close(theirs);
	close(listen_fd);
	listen_fd = socket_listen(&address);
	ck_assert_int_ge(listen_fd, 0);
	close(listen_fd);
}
END_TEST

/* Bound, so that nobody else gets the port, but not listening. */
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
 * A listener that answers nobody: its queue, which holds one connection more
 * than its backlog, is full, and the kernel drops each further SYN.
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

/* Shorter and longer than the second that it waits without a look around. */
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
	open_pair(AF_INET, &ours, &theirs);
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
	open_pair(AF_INET, &ours, &theirs);
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
 * The kernel tries again a second after the first SYN went unanswered. By then
 * there is room in the queue, or nobody listens any more.
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

START_TEST(a_receive_timeout_is_set_and_taken_away)
{
	int ours, theirs;
	int64_t deadline;
	char byte;
	struct timeval wait = { 9, 9 };
	socklen_t len = sizeof(wait);

	open_pair(AF_INET, &ours, &theirs);
	deadline = deadline_after(100);
	ck_assert_int_eq(socket_set_recv_timeout(ours, 100), 0);
	ck_assert_int_eq(recv(ours, &byte, 1, 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_ge(deadline_now(), deadline);
	ck_assert_int_eq(socket_set_recv_timeout(ours, 0), 0);
	getsockopt(ours, SOL_SOCKET, SO_RCVTIMEO, &wait, &len);
	ck_assert_int_eq(wait.tv_sec, 0);
	ck_assert_int_eq(wait.tv_usec, 0);
	close(ours);
	close(theirs);
}
END_TEST

START_TEST(a_timeout_of_seconds_keeps_its_milliseconds)
{
	struct timeval wait = { 0, 0 };
	socklen_t len = sizeof(wait);
	int fd = socket_open(AF_INET);

	ck_assert_int_eq(socket_set_send_timeout(fd, 2500), 0);
	getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, &len);
	ck_assert_int_eq(wait.tv_sec, 2);
	ck_assert_int_eq(wait.tv_usec, 500000);
	close(fd);
}
END_TEST

START_TEST(a_descriptor_that_is_no_socket_is_an_error)
{
	ck_assert_int_eq(socket_set_recv_timeout(-1, 100), -EBADF);
	ck_assert_int_eq(socket_set_send_timeout(-1, 100), -EBADF);
	ck_assert_int_eq(socket_unacknowledged(-1), -EBADF);
	ck_assert_int_eq(socket_send_all(-1, "x", 1), -EBADF);
}
END_TEST

struct reader {
	pthread_t thread;
	int fd;
	struct tcp_reading reading;
};

static void *
run_reader(void *argument)
{
	struct reader *reader = argument;

	reader->reading = tcp_read_all(reader->fd, SEED);
	return NULL;
}

struct interrupter {
	pthread_t thread, sender;
	int fd; /* on which it sends */
	atomic_int
	    blocked; /* how often it was found blocked, and interrupted */
	atomic_bool over;
};

static void *
run_interrupter(void *argument)
{
	struct interrupter *interrupter = argument;
	struct pollfd ready = { .fd = interrupter->fd, .events = POLLOUT };

	while (!atomic_load(&interrupter->over)) {
		if (poll(&ready, 1, 0) == 0)
			atomic_fetch_add(&interrupter->blocked, 1);
		pthread_kill(interrupter->sender, SIGUSR1);
		poll(NULL, 0, 1);
	}
	return NULL;
}

static struct interrupter interrupter;

/* Lets the sender be interrupted for a while before it reads. */
static void *
run_late_reader(void *argument)
{
	while (atomic_load(&interrupter.blocked) < 20)
		poll(NULL, 0, 1);
	return run_reader(argument);
}

static void
ignore_signal(int signal)
{
	(void)signal;
}

/* A signal makes send(2) return with what it has taken by then, or EINTR. */
START_TEST(all_is_sent_however_often_the_kernel_takes_only_a_part)
{
	struct sigaction action = { .sa_handler = ignore_signal };
	struct reader reader;
	uint8_t *data = malloc(MUCH);
	int ours;

	sigaction(SIGUSR1, &action, NULL);
	tcp_make_stream(data, SEED, 0, MUCH);
	open_pair(AF_INET, &ours, &reader.fd);
	interrupter.sender = pthread_self();
	interrupter.fd = ours;
	ck_assert_int_eq(pthread_create(&interrupter.thread, NULL,
			     run_interrupter, &interrupter),
	    0);
	ck_assert_int_eq(
	    pthread_create(&reader.thread, NULL, run_late_reader, &reader), 0);
	ck_assert_int_eq(socket_send_all(ours, data, MUCH), 0);
	atomic_store(&interrupter.over, true);
	pthread_join(interrupter.thread, NULL);
	socket_close_gracefully(ours);
	pthread_join(reader.thread, NULL);
	ck_assert_uint_eq(reader.reading.count, MUCH);
	ck_assert(reader.reading.intact);
	ck_assert_int_eq(reader.reading.error, 0);
	close(reader.fd);
	free(data);
}
END_TEST

START_TEST(who_does_not_read_is_waited_for_as_long_as_the_timeout_says)
{
	uint8_t *data = calloc(1, MUCH);
	int ours, theirs;
	int64_t deadline;

	open_pair(AF_INET, &ours, &theirs);
	deadline = deadline_after(100);
	ck_assert_int_eq(socket_set_send_timeout(ours, 100), 0);
	ck_assert_int_eq(socket_send_all(ours, data, MUCH), -ETIMEDOUT);
	ck_assert_int_ge(deadline_now(), deadline);
	close(ours);
	close(theirs);
	free(data);
}
END_TEST

/* The default action of SIGPIPE would end the test. */
START_TEST(sending_to_who_is_gone_is_an_error_and_no_signal)
{
	int ours, theirs;

	signal(SIGPIPE, SIG_DFL);
	open_pair(AF_INET, &ours, &theirs);
	tcp_reset(theirs);
	tcp_await_closed(ours);
	ck_assert_int_eq(socket_send_all(ours, "x", 1), -ECONNRESET);
	ck_assert_int_eq(socket_send_all(ours, "x", 1), -EPIPE);
	close(ours);
}
END_TEST

static int
unread(int fd)
{
	int bytes;

	ck_assert_int_eq(ioctl(fd, SIOCINQ, &bytes), 0);
	return bytes;
}

START_TEST(what_the_peer_has_not_acknowledged_is_counted_and_its_fin)
{
	int ours, theirs;
	int sent;

	open_pair(tcp_family(_i), &ours, &theirs);
	ck_assert_int_eq(socket_unacknowledged(ours), 0);
	sent = (int)tcp_fill(ours, SEED, 0, MUCH, 50);
	ck_assert_int_lt(sent, MUCH);
	while (socket_unacknowledged(ours) != sent - unread(theirs))
		poll(NULL, 0, 1);
	ck_assert_int_gt(socket_unacknowledged(ours), 0);
	shutdown(ours, SHUT_WR);
	while (socket_unacknowledged(ours) != sent - unread(theirs) + 1)
		poll(NULL, 0, 1);
	tcp_expect(theirs, SEED, 0, (uint64_t)sent);
	while (socket_unacknowledged(ours) != 0)
		poll(NULL, 0, 1);
	close(ours);
	close(theirs);
}
END_TEST

START_TEST(what_the_peer_has_acknowledged_is_counted_since_the_start)
{
	int ours, theirs;
	uint64_t before;

	open_pair(tcp_family(_i), &ours, &theirs);
	before = socket_acknowledged(ours);
	ck_assert_uint_eq(tcp_send(ours, SEED, 0, 50000), 50000);
	tcp_await_acknowledged(ours);
	ck_assert_uint_eq(socket_acknowledged(ours) - before, 50000);
	ck_assert_uint_eq(socket_acknowledged(-1), 0);
	close(ours);
	close(theirs);
}
END_TEST

START_TEST(a_connection_is_closed_by_both_fins_and_not_by_one)
{
	int ours, theirs;
	char byte;

	open_pair(tcp_family(_i), &ours, &theirs);
	ck_assert(!socket_is_closed(ours));
	shutdown(theirs, SHUT_WR);
	ck_assert_int_eq(recv(ours, &byte, 1, 0), 0);
	ck_assert(!socket_is_closed(ours));
	shutdown(ours, SHUT_WR);
	ck_assert_int_eq(recv(theirs, &byte, 1, 0), 0);
	while (!socket_is_closed(ours))
		poll(NULL, 0, 1);
	close(ours);
	close(theirs);
}
END_TEST

START_TEST(a_connection_is_closed_by_a_reset)
{
	int ours, theirs;

	open_pair(tcp_family(_i), &ours, &theirs);
	tcp_reset(theirs);
	tcp_await_closed(ours);
	ck_assert(socket_is_closed(ours));
	close(ours);
	ck_assert(socket_is_closed(-1));
}
END_TEST

static const struct {
	const char *host;
	bool local;
} hosts[] = {
	{ "127.0.0.1", true },
	{ "127.1.2.3", true },
	{ "198.51.100.77", false },
	{ "::1", true },
	{ "2001:db8:77::1", false },
};

/* A port that is in use on it makes no difference. */
START_TEST(an_address_of_this_host_is_known_as_such)
{
	union address address;
	int taken_fd = tcp_listen(AF_INET, 1);
	union address taken = tcp_bound(taken_fd);

	ck_assert(address_parse(hosts[_i].host, &address));
	address_set_port(&address, address_port(&taken));
	ck_assert_msg(socket_address_is_local(&address) == hosts[_i].local,
	    "%s", hosts[_i].host);
	ck_assert_uint_eq(address_port(&address), address_port(&taken));
	close(taken_fd);
}
END_TEST

START_TEST(each_address_of_an_interface_is_this_hosts)
{
	struct ifaddrs *list, *entry;
	union address address;

	ck_assert_int_eq(getifaddrs(&list), 0);
	for (entry = list; entry; entry = entry->ifa_next) {
		if (!entry->ifa_addr ||
		    (entry->ifa_addr->sa_family != AF_INET &&
			entry->ifa_addr->sa_family != AF_INET6))
			continue;
		memcpy(&address, entry->ifa_addr,
		    entry->ifa_addr->sa_family == AF_INET ? sizeof(address.v4)
							  : sizeof(address.v6));
		address_set_port(&address, 80);
		ck_assert(socket_address_is_local(&address));
	}
	freeifaddrs(list);
}
END_TEST

START_TEST(a_mere_close_is_seen_as_a_reset_behind_what_was_delivered)
{
	struct tcp_reading reading;
	int ours, theirs;

	open_pair(tcp_family(_i), &ours, &theirs);
	ck_assert_uint_eq(tcp_send(ours, SEED, 0, 50000), 50000);
	tcp_await_acknowledged(ours);
	close(ours);
	reading = tcp_read_all(theirs, SEED);
	ck_assert_uint_eq(reading.count, 50000);
	ck_assert(reading.intact);
	ck_assert_int_eq(reading.error, ECONNRESET);
	close(theirs);
}
END_TEST

/* Its kernel still holds much that the peer has no room for. */
START_TEST(a_graceful_close_delivers_everything_and_a_fin)
{
	struct tcp_reading reading;
	int ours, theirs;
	uint64_t sent;

	open_pair(tcp_family(_i), &ours, &theirs);
	sent = tcp_fill(ours, SEED, 0, MUCH, 50);
	ck_assert_int_gt(socket_unacknowledged(ours), 0);
	socket_close_gracefully(ours);
	reading = tcp_read_all(theirs, SEED);
	ck_assert_uint_eq(reading.count, sent);
	ck_assert(reading.intact);
	ck_assert_int_eq(reading.error, 0);
	close(theirs);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("socket");
	TCase *made = tcase_create("open");
	TCase *connected = tcase_create("connect");
	TCase *used = tcase_create("use");
	TCase *closed = tcase_create("close");
	int families = tcp_family_count();

	tcase_add_loop_test(
	    made, a_socket_has_the_promised_options, 0, families);
	tcase_add_loop_test(
	    made, an_accepted_socket_inherits_the_options, 0, families);
	tcase_add_test(made, no_socket_survives_an_exec);
	tcase_add_test(made, a_family_that_is_none_is_an_error);
	if (families == 2) {
		tcase_add_loop_test(made,
		    a_listener_for_all_addresses_takes_both_families, 0, 2);
		tcase_add_test(
		    made, a_listener_for_one_ipv6_address_takes_ipv6_only);
	}
	tcase_add_loop_test(
	    made, a_port_that_is_taken_is_an_error, 0, families);
	tcase_add_test(made, an_address_of_another_host_cannot_be_listened_to);
	tcase_add_loop_test(made,
	    a_listener_can_follow_one_whose_connections_linger, 0, families);
	suite_add_tcase(suite, made);

	tcase_add_loop_test(connected, a_refused_connect_says_so, 0, families);
	tcase_add_loop_test(connected,
	    a_connect_ends_at_its_deadline_and_not_before, 0, COUNT(waits_ms));
	tcase_add_test(connected, a_deadline_in_the_past_lets_nothing_connect);
	tcase_add_test(connected, a_connect_is_given_up_when_its_peer_is_reset);
	tcase_add_test(
	    connected, a_connect_goes_on_when_its_peer_only_half_closes);
	tcase_add_loop_test(connected,
	    a_connect_that_takes_longer_than_a_second_has_its_result, 0, 2);
	suite_add_tcase(suite, connected);

	tcase_add_test(used, a_receive_timeout_is_set_and_taken_away);
	tcase_add_test(used, a_timeout_of_seconds_keeps_its_milliseconds);
	tcase_add_test(used, a_descriptor_that_is_no_socket_is_an_error);
	tcase_add_test(
	    used, all_is_sent_however_often_the_kernel_takes_only_a_part);
	tcase_add_test(
	    used, who_does_not_read_is_waited_for_as_long_as_the_timeout_says);
	tcase_add_test(used, sending_to_who_is_gone_is_an_error_and_no_signal);
	tcase_add_loop_test(used,
	    what_the_peer_has_not_acknowledged_is_counted_and_its_fin, 0,
	    families);
	tcase_add_loop_test(used,
	    what_the_peer_has_acknowledged_is_counted_since_the_start, 0,
	    families);
	tcase_add_test(used, each_address_of_an_interface_is_this_hosts);
	tcase_add_loop_test(used, an_address_of_this_host_is_known_as_such, 0,
	    families == 2 ? COUNT(hosts) : 3);
	suite_add_tcase(suite, used);

	tcase_add_loop_test(closed,
	    a_connection_is_closed_by_both_fins_and_not_by_one, 0, families);
	tcase_add_loop_test(
	    closed, a_connection_is_closed_by_a_reset, 0, families);
	tcase_add_loop_test(closed,
	    a_mere_close_is_seen_as_a_reset_behind_what_was_delivered, 0,
	    families);
	tcase_add_loop_test(closed,
	    a_graceful_close_delivers_everything_and_a_fin, 0, families);
	suite_add_tcase(suite, closed);
	return suite;
}
