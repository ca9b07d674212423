#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "suite.h"
#include "tcp.h"

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

/* The kernel rounds up to its ticks of up to 10 ms. */
static void
check_wait(int fd, int name, int64_t wait_ms)
{
	struct timeval wait = { 9, 9 };
	socklen_t len = sizeof(wait);

	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, name, &wait, &len), 0);
	ck_assert_int_ge(wait.tv_sec * 1000 + wait.tv_usec / 1000, wait_ms);
	ck_assert_int_le(
	    wait.tv_sec * 1000 + wait.tv_usec / 1000, wait_ms + 10);
}

static void
check_options(int fd)
{
	struct linger linger = { 0, 9 };
	socklen_t len = sizeof(linger);

	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_OOBINLINE), 1);
	check_wait(fd, SO_RCVTIMEO, SOCKET_WAIT_MS);
	check_wait(fd, SO_SNDTIMEO, SOCKET_WAIT_MS);
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

/* Opens it as a service manager does. */
static int
open_plain(int type, const union address *address)
{
	int fd = socket(address->any.sa_family, type, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, &address->any, address_len(address)), 0);
	return fd;
}

START_TEST(a_listener_of_somebody_else_becomes_one_of_ours)
{
	union address address = tcp_loopback(tcp_family(_i)), found;
	int listen_fd = open_plain(SOCK_STREAM, &address);
	int theirs, fd;

	ck_assert_int_eq(listen(listen_fd, 1), 0);
	address = tcp_bound(listen_fd);
	ck_assert_int_eq(socket_adopt(listen_fd, &found), 0);
	ck_assert(address_equal(&found, &address));
	ck_assert(fcntl(listen_fd, F_GETFD) & FD_CLOEXEC);
	theirs = tcp_connect(&address);
	fd = tcp_accept(listen_fd);
	check_options(fd);
	close(fd);
	close(theirs);
	close(listen_fd);
}
END_TEST

START_TEST(what_is_no_tcp_listener_is_not_adopted)
{
	union address address = tcp_loopback(tcp_family(_i)), found;
	int quiet_fd = open_plain(SOCK_STREAM, &address);
	int udp_fd = open_plain(SOCK_DGRAM, &address);
	int pair[2];

	ck_assert_int_eq(pipe(pair), 0);
	ck_assert_int_eq(socket_adopt(quiet_fd, &found), -EINVAL);
	ck_assert_int_eq(socket_adopt(udp_fd, &found), -EPROTOTYPE);
	ck_assert_int_eq(socket_adopt(pair[0], &found), -ENOTSOCK);
	close(pair[0]);
	ck_assert_int_eq(socket_adopt(pair[0], &found), -EBADF);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(socket_adopt(pair[0], &found), -EPROTOTYPE);
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
	/*
	 * The side that ends first stays in TIME_WAIT, on the listener's port.
	 */
	socket_close_gracefully(fd);
	ck_assert_int_eq(recv(theirs, &fd, 1, 0), 0);
	close(theirs);
	close(listen_fd);
	listen_fd = socket_listen(&address);
	ck_assert_int_ge(listen_fd, 0);
	close(listen_fd);
}
END_TEST

START_TEST(a_receive_timeout_is_set_and_taken_away)
{
	int ours, theirs;
	int64_t deadline;
	char byte;

	tcp_open_pair(AF_INET, &ours, &theirs);
	deadline = deadline_after(100);
	ck_assert_int_eq(socket_set_recv_timeout(ours, 100), 0);
	ck_assert_int_eq(recv(ours, &byte, 1, 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_ge(deadline_now(), deadline);
	ck_assert_int_eq(socket_set_recv_timeout(ours, 0), 0);
	check_wait(ours, SO_RCVTIMEO, 0);
	close(ours);
	close(theirs);
}
END_TEST

START_TEST(a_timeout_of_seconds_keeps_its_milliseconds)
{
	int fd = socket_open(AF_INET);

	ck_assert_int_eq(socket_set_send_timeout(fd, 2500), 0);
	check_wait(fd, SO_SNDTIMEO, 2500);
	close(fd);
}
END_TEST

START_TEST(a_peer_is_asked_whether_it_is_there)
{
	int fd = socket_open(tcp_family(_i));

	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	socket_keep_alive(fd);
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 30);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 15);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 4);
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

Suite *
suite(void)
{
	Suite *suite = suite_create("socket");
	TCase *made = tcase_create("open");
	TCase *timeout = tcase_create("timeout");
	int families = tcp_family_count();

	tcase_add_loop_test(
	    made, a_socket_has_the_promised_options, 0, families);
	tcase_add_loop_test(
	    made, a_peer_is_asked_whether_it_is_there, 0, families);
	tcase_add_loop_test(
	    made, an_accepted_socket_inherits_the_options, 0, families);
	tcase_add_loop_test(
	    made, a_listener_of_somebody_else_becomes_one_of_ours, 0, families);
	tcase_add_loop_test(
	    made, what_is_no_tcp_listener_is_not_adopted, 0, families);
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

	tcase_add_test(timeout, a_receive_timeout_is_set_and_taken_away);
	tcase_add_test(timeout, a_timeout_of_seconds_keeps_its_milliseconds);
	tcase_add_test(timeout, a_descriptor_that_is_no_socket_is_an_error);
	suite_add_tcase(suite, timeout);
	return suite;
}
