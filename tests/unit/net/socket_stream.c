/* Tests of sending, of the peer's state, and of closing. */

#include "net/socket.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/deadline.h"
#include "suite.h"
#include "tcp.h"

#define SEED 1
#define MUCH (16 * 1024 * 1024)

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
	    blocked; /* how often it was found blocked and was interrupted */
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

/* Interrupts the sender for a while before reading. */
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

/* After a signal send(2) returns the bytes it has taken, or EINTR. */
START_TEST(all_is_sent_however_often_the_kernel_takes_only_a_part)
{
	struct sigaction action = { .sa_handler = ignore_signal };
	struct reader reader;
	uint8_t *data = malloc(MUCH);
	int ours;

	sigaction(SIGUSR1, &action, NULL);
	tcp_make_stream(data, SEED, 0, MUCH);
	tcp_open_pair(AF_INET, &ours, &reader.fd);
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

	tcp_open_pair(AF_INET, &ours, &theirs);
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
	tcp_open_pair(AF_INET, &ours, &theirs);
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

	tcp_open_pair(tcp_family(_i), &ours, &theirs);
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

	tcp_open_pair(tcp_family(_i), &ours, &theirs);
	before = socket_acknowledged(ours);
	ck_assert_uint_eq(tcp_send(ours, SEED, 0, 50000), 50000);
	tcp_await_acknowledged(ours);
	ck_assert_uint_eq(socket_acknowledged(ours) - before, 50000);
	ck_assert_uint_eq(socket_acknowledged(-1), 0);
	close(ours);
	close(theirs);
}
END_TEST

START_TEST(a_fin_ends_a_stream_of_which_all_was_received)
{
	int ours, theirs;
	char byte;

	tcp_open_pair(tcp_family(_i), &ours, &theirs);
	ck_assert_uint_eq(tcp_send(theirs, SEED, 0, 50000), 50000);
	shutdown(theirs, SHUT_WR);
	tcp_expect(ours, SEED, 0, 50000);
	ck_assert_int_eq(recv(ours, &byte, 1, 0), 0);
	ck_assert_int_eq(socket_find_end(ours, 50000), SOCKET_END_FIN);
	ck_assert_int_eq(socket_find_end(ours, 49999), SOCKET_END_NONE);
	ck_assert_int_eq(socket_find_end(ours, 50001), SOCKET_END_NONE);
	tcp_reset(theirs);
	tcp_await_closed(ours);
	/* After its end, and no peer is left to receive ours. */
	ck_assert_int_eq(socket_find_end(ours, 50000), SOCKET_END_OVER);
	ck_assert_int_eq(socket_find_end(-1, 50000), SOCKET_END_NONE);
	close(ours);
}
END_TEST

START_TEST(a_stream_is_over_when_both_ends_are_acknowledged)
{
	int ours, theirs;
	char byte;

	tcp_open_pair(tcp_family(_i), &ours, &theirs);
	shutdown(ours, SHUT_WR);
	tcp_await_acknowledged(ours);
	shutdown(theirs, SHUT_WR);
	ck_assert_int_eq(recv(ours, &byte, 1, 0), 0);
	ck_assert_int_eq(socket_find_end(ours, 0), SOCKET_END_OVER);
	ck_assert_int_eq(recv(theirs, &byte, 1, 0), 0);
	tcp_await_acknowledged(theirs);
	ck_assert_int_eq(socket_find_end(theirs, 0), SOCKET_END_OVER);
	close(ours);
	close(theirs);
}
END_TEST

/* The error may have gone to another thread's send(2), or to this one. */
START_TEST(a_reset_ends_no_stream)
{
	int ours, theirs, error;
	socklen_t len = sizeof(error);
	char byte;

	tcp_open_pair(tcp_family(_i), &ours, &theirs);
	ck_assert_uint_eq(tcp_send(theirs, SEED, 0, 100), 100);
	tcp_expect(ours, SEED, 0, 100);
	tcp_reset(theirs);
	tcp_await_closed(ours);
	getsockopt(ours, SOL_SOCKET, SO_ERROR, &error, &len);
	ck_assert_int_eq(recv(ours, &byte, 1, 0), 0);
	ck_assert_int_eq(socket_find_end(ours, 100), SOCKET_END_NONE);
	close(ours);
}
END_TEST

START_TEST(only_bytes_make_a_connection_readable)
{
	int ours, theirs;

	tcp_open_pair(tcp_family(_i), &ours, &theirs);
	ck_assert(!socket_is_readable(ours));
	ck_assert_uint_eq(tcp_send(theirs, SEED, 0, 100), 100);
	tcp_await_acknowledged(theirs);
	ck_assert(socket_is_readable(ours));
	tcp_expect(ours, SEED, 0, 100);
	shutdown(theirs, SHUT_WR);
	tcp_await_acknowledged(theirs);
	ck_assert(!socket_is_readable(ours));
	ck_assert(!socket_is_readable(-1));
	close(ours);
	close(theirs);
}
END_TEST

START_TEST(what_a_connection_has_room_for_is_taken_without_waiting)
{
	int ours, theirs;
	uint64_t room;

	tcp_open_pair(tcp_family(_i), &ours, &theirs);
	room = socket_send_room(ours);
	ck_assert_uint_ge(room, 8 * 1024);
	/* The kernel counts its own overhead too, so expect only half. */
	ck_assert_uint_eq(tcp_fill(ours, SEED, 0, room / 2, 50), room / 2);
	tcp_fill(ours, SEED, room / 2, MUCH, 50);
	ck_assert_uint_lt(socket_send_room(ours), room / 2);
	ck_assert_uint_eq(socket_send_room(-1), 0);
	close(ours);
	close(theirs);
}
END_TEST

/* Both are counted as a byte, although recv(2) has returned 0. */
START_TEST(a_late_byte_is_no_end_and_a_late_fin_is_one)
{
	int ours, theirs;
	char byte;

	tcp_open_pair(tcp_family(_i), &ours, &theirs);
	shutdown(ours, SHUT_RD);
	ck_assert_int_eq(recv(ours, &byte, 1, 0), 0);
	ck_assert_int_eq(socket_find_end(ours, 0), SOCKET_END_NONE);
	ck_assert_uint_eq(tcp_send(theirs, SEED, 0, 1), 1);
	tcp_await_acknowledged(theirs);
	ck_assert_int_eq(socket_find_end(ours, 0), SOCKET_END_NONE);
	tcp_expect(ours, SEED, 0, 1);
	shutdown(theirs, SHUT_WR);
	tcp_await_acknowledged(theirs);
	ck_assert_int_eq(socket_find_end(ours, 1), SOCKET_END_FIN);
	tcp_reset(theirs);
	tcp_await_closed(ours);
	ck_assert_int_eq(socket_find_end(ours, 1), SOCKET_END_OVER);
	close(ours);
}
END_TEST

/* The state is the same as after both FINs; the byte count is not. */
START_TEST(a_late_byte_before_a_reset_is_no_end)
{
	int ours, theirs;
	char byte;

	tcp_open_pair(tcp_family(_i), &ours, &theirs);
	shutdown(ours, SHUT_RD);
	ck_assert_int_eq(recv(ours, &byte, 1, 0), 0);
	ck_assert_uint_eq(tcp_send(theirs, SEED, 0, 1), 1);
	tcp_await_acknowledged(theirs);
	tcp_reset(theirs);
	tcp_await_closed(ours);
	ck_assert_int_eq(socket_find_end(ours, 0), SOCKET_END_NONE);
	close(ours);
}
END_TEST

START_TEST(a_connection_is_closed_by_both_fins_and_not_by_one)
{
	int ours, theirs;
	char byte;

	tcp_open_pair(tcp_family(_i), &ours, &theirs);
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

	tcp_open_pair(tcp_family(_i), &ours, &theirs);
	tcp_reset(theirs);
	tcp_await_closed(ours);
	ck_assert(socket_is_closed(ours));
	close(ours);
	ck_assert(socket_is_closed(-1));
}
END_TEST

START_TEST(a_mere_close_is_seen_as_a_reset_behind_what_was_delivered)
{
	int ours, theirs;

	tcp_open_pair(tcp_family(_i), &ours, &theirs);
	ck_assert_uint_eq(tcp_send(ours, SEED, 0, 50000), 50000);
	tcp_await_acknowledged(ours);
	close(ours);
	tcp_expect_all(theirs, SEED, 50000, ECONNRESET);
	close(theirs);
}
END_TEST

/* Our kernel still holds much data that the peer has no room for. */
START_TEST(a_graceful_close_delivers_everything_and_a_fin)
{
	int ours, theirs;
	uint64_t sent;

	tcp_open_pair(tcp_family(_i), &ours, &theirs);
	sent = tcp_fill(ours, SEED, 0, MUCH, 50);
	ck_assert_int_gt(socket_unacknowledged(ours), 0);
	socket_close_gracefully(ours);
	tcp_expect_all(theirs, SEED, sent, 0);
	close(theirs);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("socket_stream");
	TCase *sent = tcase_create("send");
	TCase *known = tcase_create("know");
	TCase *closed = tcase_create("close");
	int families = tcp_family_count();

	tcase_add_test(
	    sent, all_is_sent_however_often_the_kernel_takes_only_a_part);
	tcase_add_test(
	    sent, who_does_not_read_is_waited_for_as_long_as_the_timeout_says);
	tcase_add_test(sent, sending_to_who_is_gone_is_an_error_and_no_signal);
	suite_add_tcase(suite, sent);

	tcase_add_loop_test(known,
	    what_the_peer_has_not_acknowledged_is_counted_and_its_fin, 0,
	    families);
	tcase_add_loop_test(known,
	    what_the_peer_has_acknowledged_is_counted_since_the_start, 0,
	    families);
	tcase_add_loop_test(
	    known, a_fin_ends_a_stream_of_which_all_was_received, 0, families);
	tcase_add_loop_test(known,
	    a_stream_is_over_when_both_ends_are_acknowledged, 0, families);
	tcase_add_loop_test(known, a_reset_ends_no_stream, 0, families);
	tcase_add_loop_test(
	    known, only_bytes_make_a_connection_readable, 0, families);
	tcase_add_loop_test(known,
	    what_a_connection_has_room_for_is_taken_without_waiting, 0,
	    families);
	tcase_add_loop_test(
	    known, a_late_byte_is_no_end_and_a_late_fin_is_one, 0, families);
	tcase_add_loop_test(
	    known, a_late_byte_before_a_reset_is_no_end, 0, families);
	tcase_add_loop_test(known,
	    a_connection_is_closed_by_both_fins_and_not_by_one, 0, families);
	tcase_add_loop_test(
	    known, a_connection_is_closed_by_a_reset, 0, families);
	suite_add_tcase(suite, known);

	tcase_add_loop_test(closed,
	    a_mere_close_is_seen_as_a_reset_behind_what_was_delivered, 0,
	    families);
	tcase_add_loop_test(closed,
	    a_graceful_close_delivers_everything_and_a_fin, 0, families);
	suite_add_tcase(suite, closed);
	return suite;
}
