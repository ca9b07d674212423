#include "relay/relay.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "rig.h"
#include "suite.h"

#define MEBIBYTE (1024 * 1024)
#define MUCH (4 * MEBIBYTE)
#define UNLIMITED (1000 * MEBIBYTE)
#define SMALL (16 * 1024)

/* The seeds of the streams of both ends. */
#define SEED(side) (1u + (side))

/* Loop tests over families and sides take this many rounds. */
#define ROUNDS (2 * tcp_family_count())
#define FAMILY tcp_family(_i / 2)
#define SIDE ((enum relay_side)(_i % 2))

static struct rig rig;

START_TEST(megabytes_pass_whole_both_ways_at_once)
{
	struct rig_sender user, destination;

	rig_open(&rig, tcp_family(_i), 0, 0);
	rig_start(&rig);
	rig_send(&user, rig.end[0], SEED(0), MUCH, true);
	rig_send(&destination, rig.end[1], SEED(1), MUCH, true);
	/* The user reads nothing until the destination has the whole stream. */
	tcp_expect_all(rig.end[1], SEED(0), MUCH, 0);
	tcp_expect_all(rig.end[0], SEED(1), MUCH, 0);
	rig_sent(&user);
	rig_sent(&destination);
	rig_finish(&rig, RELAY_EOF);
	ck_assert_uint_eq(rig.relay.bytes[0], MUCH);
	ck_assert_uint_eq(rig.relay.bytes[1], MUCH);
}
END_TEST

START_TEST(a_half_closed_connection_carries_megabytes_the_other_way)
{
	struct rig_sender first, second;

	rig_open(&rig, FAMILY, 0, 0);
	rig_start(&rig);
	rig_send(&first, rig.end[SIDE], SEED(0), MUCH, true);
	tcp_expect_all(rig.end[!SIDE], SEED(0), MUCH, 0);
	rig_sent(&first);
	/* Other threads see that meanwhile. */
	ck_assert_uint_eq(rig.relay.bytes[SIDE], MUCH);
	ck_assert_uint_eq(rig.relay.bytes[!SIDE], 0);
	ck_assert(rig.relay.finished[SIDE]);
	ck_assert(!rig.relay.finished[!SIDE]);
	/* Only now, with the first direction over, does the second begin. */
	rig_send(&second, rig.end[!SIDE], SEED(1), MUCH, true);
	tcp_expect_all(rig.end[SIDE], SEED(1), MUCH, 0);
	rig_sent(&second);
	rig_finish(&rig, RELAY_EOF);
	ck_assert_int_eq(rig.relay.culprit, SIDE);
	ck_assert_uint_eq(rig.relay.bytes[SIDE], MUCH);
	ck_assert_uint_eq(rig.relay.bytes[!SIDE], MUCH);
}
END_TEST

START_TEST(a_connection_of_no_bytes_ends_as_one)
{
	rig_open(&rig, FAMILY, 0, 0);
	rig_start(&rig);
	shutdown(rig.end[SIDE], SHUT_WR);
	tcp_expect_all(rig.end[!SIDE], SEED(0), 0, 0);
	shutdown(rig.end[!SIDE], SHUT_WR);
	tcp_expect_all(rig.end[SIDE], SEED(0), 0, 0);
	rig_finish(&rig, RELAY_EOF);
	ck_assert_uint_eq(rig.relay.bytes[0], 0);
	ck_assert_uint_eq(rig.relay.bytes[1], 0);
}
END_TEST

static void
send_urgent(int fd, uint64_t at)
{
	uint8_t byte;

	tcp_make_stream(&byte, SEED(0), at, 1);
	ck_assert_int_eq(send(fd, &byte, 1, MSG_OOB), 1);
}

/* Through the small buffer, and through a pipe. */
static const uint64_t before_urgent[] = { 3, 600000 };

START_TEST(urgent_data_is_a_byte_like_all_others)
{
	uint64_t before = before_urgent[_i];
	struct rig_sender sender;
	char byte;

	rig_open(&rig, AF_INET, 0, 0);
	rig_start(&rig);
	rig_send(&sender, rig.end[0], SEED(0), before, false);
	tcp_expect(rig.end[1], SEED(0), 0, before);
	rig_sent(&sender);
	send_urgent(rig.end[0], before);
	tcp_send(rig.end[0], SEED(0), before + 1, before + 1000);
	shutdown(rig.end[0], SHUT_WR);
	tcp_expect(rig.end[1], SEED(0), before, before + 1000);
	ck_assert_int_eq(recv(rig.end[1], &byte, 1, 0), 0);
	shutdown(rig.end[1], SHUT_WR);
	rig_finish(&rig, RELAY_EOF);
	ck_assert_uint_eq(rig.relay.bytes[0], before + 1000);
}
END_TEST

START_TEST(urgent_data_does_not_end_the_stream_of_who_idles)
{
	rig_open(&rig, AF_INET, 0, 0);
	rig.relay.idle_ms = 200;
	rig_start(&rig);
	tcp_send(rig.end[0], SEED(0), 0, 3);
	send_urgent(rig.end[0], 3);
	tcp_expect_all(rig.end[1], SEED(0), 4, ECONNRESET);
	rig_finish(&rig, RELAY_IDLE);
}
END_TEST

START_TEST(both_sides_may_end_at_the_same_time)
{
	for (int i = 0; i < 100; i++) {
		rig_open(&rig, AF_INET, 0, 0);
		rig_start(&rig);
		tcp_send(rig.end[0], SEED(0), 0, 1000);
		tcp_send(rig.end[1], SEED(1), 0, 2000);
		shutdown(rig.end[0], SHUT_WR);
		shutdown(rig.end[1], SHUT_WR);
		tcp_expect_all(rig.end[0], SEED(1), 2000, 0);
		tcp_expect_all(rig.end[1], SEED(0), 1000, 0);
		rig_finish(&rig, RELAY_EOF);
	}
}
END_TEST

START_TEST(a_close_without_waiting_delivers_everything)
{
	rig_open(&rig, FAMILY, 0, 0);
	rig_start(&rig);
	ck_assert_uint_eq(tcp_send(rig.end[SIDE], SEED(0), 0, 100000), 100000);
	close(rig.end[SIDE]);
	tcp_expect_all(rig.end[!SIDE], SEED(0), 100000, 0);
	rig.end[SIDE] = -1;
	shutdown(rig.end[!SIDE], SHUT_WR);
	rig_finish(&rig, RELAY_EOF);
}
END_TEST

/*
 * The bytes that the user has sent. The first part, a request, is not for the
 * relay; the next part was forwarded before.
 */
static void
start_behind(int family, size_t request_len, size_t early_len, uint64_t sent)
{
	uint8_t data[512];
	int *fd = rig.relay.fd;

	rig_open(&rig, family, 0, 0);
	ck_assert_uint_eq(tcp_send(rig.end[0], 9, 0, request_len), request_len);
	ck_assert_uint_eq(tcp_send(rig.end[0], SEED(0), 0, sent), sent);
	ck_assert_int_eq(
	    recv(fd[0], data, request_len, MSG_WAITALL), (ssize_t)request_len);
	ck_assert_int_eq(
	    recv(fd[0], data, early_len, MSG_WAITALL), (ssize_t)early_len);
	ck_assert_int_eq(send(fd[1], data, early_len, 0), (ssize_t)early_len);
	rig.relay.received_before = request_len + early_len;
	rig.relay.forwarded = early_len;
	rig_start(&rig);
}

static const struct {
	size_t request_len, early_len;
	uint64_t sent;
} beginnings[] = {
	{ 0, 100, 1000 },   /* a client half, with what came before it asked */
	{ 50, 300, 10000 }, /* a server half */
	{ 50, 1, 1 },       /* with nothing behind it */
	{ 50, 0, 1000 },    /* with nothing that came along */
	{ 50, 0, 0 },
};

START_TEST(what_was_forwarded_already_is_counted_and_not_repeated)
{
	int families = tcp_family_count();
	size_t begin = (size_t)(_i / families);
	uint64_t sent = beginnings[begin].sent;

	start_behind(tcp_family(_i % families), beginnings[begin].request_len,
	    beginnings[begin].early_len, sent);
	shutdown(rig.end[0], SHUT_WR);
	tcp_expect_all(rig.end[1], SEED(0), sent, 0);
	shutdown(rig.end[1], SHUT_WR);
	tcp_expect_all(rig.end[0], SEED(1), 0, 0);
	rig_finish(&rig, RELAY_EOF);
	ck_assert_uint_eq(rig.relay.bytes[0], sent);
	ck_assert_uint_eq(rig.relay.bytes[1], 0);
}
END_TEST

/* Each byte is sent only after the last one has come back. */
START_TEST(a_single_byte_is_never_held_back)
{
	rig_open(&rig, tcp_family(_i), 0, 0);
	rig_start(&rig);
	for (uint64_t at = 0; at < 200; at++) {
		tcp_send(rig.end[0], SEED(0), at, at + 1);
		tcp_expect(rig.end[1], SEED(0), at, at + 1);
		tcp_send(rig.end[1], SEED(1), at, at + 1);
		tcp_expect(rig.end[0], SEED(1), at, at + 1);
	}
	shutdown(rig.end[0], SHUT_WR);
	shutdown(rig.end[1], SHUT_WR);
	rig_finish(&rig, RELAY_EOF);
}
END_TEST

START_TEST(who_does_not_read_does_not_stop_the_other_direction)
{
	struct rig_sender sender;
	uint64_t filled;

	rig_open(&rig, FAMILY, SMALL, SMALL);
	rig_start(&rig);
	filled = tcp_fill(rig.end[SIDE], SEED(0), 0, UNLIMITED, 100);
	rig_send(&sender, rig.end[!SIDE], SEED(1), MEBIBYTE, true);
	tcp_expect_all(rig.end[SIDE], SEED(1), MEBIBYTE, 0);
	rig_sent(&sender);
	/* The delayed bytes are all still there. */
	shutdown(rig.end[SIDE], SHUT_WR);
	tcp_expect_all(rig.end[!SIDE], SEED(0), filled, 0);
	rig_finish(&rig, RELAY_EOF);
	ck_assert_uint_eq(rig.relay.bytes[SIDE], filled);
}
END_TEST

#define IDLE_MS 300

START_TEST(a_connection_on_which_nothing_moves_is_reset)
{
	int64_t started;

	rig_open(&rig, tcp_family(_i), 0, 0);
	rig.relay.idle_ms = IDLE_MS;
	started = deadline_now();
	rig_start(&rig);
	tcp_expect_all(rig.end[0], SEED(1), 0, ECONNRESET);
	tcp_expect_all(rig.end[1], SEED(0), 0, ECONNRESET);
	ck_assert_int_ge(deadline_now() - started, IDLE_MS);
	rig_finish(&rig, RELAY_IDLE);
}
END_TEST

START_TEST(what_came_before_a_connection_idled_is_delivered)
{
	int64_t started;

	rig_open(&rig, FAMILY, 0, 0);
	rig.relay.idle_ms = IDLE_MS;
	rig_start(&rig);
	started = deadline_now();
	tcp_send(rig.end[SIDE], SEED(0), 0, 10000);
	tcp_expect_all(rig.end[!SIDE], SEED(0), 10000, ECONNRESET);
	ck_assert_int_ge(deadline_now() - started, IDLE_MS);
	rig_finish(&rig, RELAY_IDLE);
	ck_assert_uint_eq(rig.relay.bytes[SIDE], 10000);
}
END_TEST

START_TEST(a_half_closed_connection_idles_too)
{
	rig_open(&rig, FAMILY, 0, 0);
	rig.relay.idle_ms = IDLE_MS;
	rig_start(&rig);
	shutdown(rig.end[SIDE], SHUT_WR);
	tcp_expect_all(rig.end[!SIDE], SEED(0), 0, 0);
	tcp_expect_all(rig.end[SIDE], SEED(1), 0, ECONNRESET);
	tcp_await_closed(rig.end[!SIDE]);
	rig_finish(&rig, RELAY_IDLE);
}
END_TEST

/* The reader never sees an end of file, since there was more. */
START_TEST(a_peer_that_stopped_reading_idles)
{
	struct tcp_reading reading;
	uint64_t filled;
	int64_t started;

	rig_open(&rig, FAMILY, SMALL, SMALL);
	rig.relay.idle_ms = IDLE_MS;
	rig_start(&rig);
	started = deadline_now();
	filled = tcp_fill(rig.end[SIDE], SEED(0), 0, UNLIMITED, 50);
	tcp_expect_all(rig.end[SIDE], SEED(1), 0, ECONNRESET);
	ck_assert_int_ge(deadline_now() - started, IDLE_MS);
	reading = tcp_read_all(rig.end[!SIDE], SEED(0));
	ck_assert(reading.intact);
	ck_assert_int_eq(reading.error, ECONNRESET);
	ck_assert_uint_lt(reading.count, filled);
	rig_finish(&rig, RELAY_IDLE);
}
END_TEST

#define TRICKLE_IDLE_MS 600
#define TRICKLE_GAP_MS 40
#define TRICKLES 40

START_TEST(one_byte_now_and_then_one_way_is_not_idle)
{
	rig_open(&rig, FAMILY, 0, 0);
	rig.relay.idle_ms = TRICKLE_IDLE_MS;
	rig_start(&rig);
	for (uint64_t at = 0; at < TRICKLES; at++) {
		poll(NULL, 0, TRICKLE_GAP_MS);
		ck_assert_uint_eq(
		    tcp_send(rig.end[SIDE], SEED(0), at, at + 1), 1);
		tcp_expect(rig.end[!SIDE], SEED(0), at, at + 1);
	}
	shutdown(rig.end[0], SHUT_WR);
	shutdown(rig.end[1], SHUT_WR);
	rig_finish(&rig, RELAY_EOF);
}
END_TEST

/*
 * The relay has forwarded everything and waits for more, but its kernel still
 * holds most of it: no call returns while the peer takes it piece by piece.
 */
START_TEST(who_reads_slowly_what_the_kernel_has_is_not_idle)
{
	int large = MEBIBYTE;
	uint64_t piece = 4096;

	rig_open(&rig, FAMILY, SMALL / 2, SMALL / 2);
	setsockopt(
	    rig.relay.fd[!SIDE], SOL_SOCKET, SO_SNDBUF, &large, sizeof(large));
	rig.relay.idle_ms = TRICKLE_IDLE_MS;
	rig_start(&rig);
	ck_assert_uint_eq(tcp_send(rig.end[SIDE], SEED(0), 0, TRICKLES * piece),
	    TRICKLES * piece);
	for (uint64_t at = 0; at < TRICKLES; at++) {
		poll(NULL, 0, TRICKLE_GAP_MS);
		tcp_expect(
		    rig.end[!SIDE], SEED(0), at * piece, (at + 1) * piece);
	}
	shutdown(rig.end[0], SHUT_WR);
	shutdown(rig.end[1], SHUT_WR);
	rig_finish(&rig, RELAY_EOF);
}
END_TEST

#define PIECE 4096

/*
 * Both have ended their streams, and the kernel still holds most of one of
 * them.
 */
static void
start_complete(int _i)
{
	int large = MEBIBYTE;

	rig_open(&rig, FAMILY, SMALL / 2, SMALL / 2);
	setsockopt(
	    rig.relay.fd[!SIDE], SOL_SOCKET, SO_SNDBUF, &large, sizeof(large));
	rig.relay.idle_ms = TRICKLE_IDLE_MS;
	rig_start(&rig);
	shutdown(rig.end[!SIDE], SHUT_WR);
	tcp_expect_all(rig.end[SIDE], SEED(1), 0, 0);
	tcp_send(rig.end[SIDE], SEED(0), 0, TRICKLES * PIECE);
	shutdown(rig.end[SIDE], SHUT_WR);
	tcp_await_acknowledged(rig.end[SIDE]);
}

START_TEST(who_stops_reading_what_is_complete_idles)
{
	struct tcp_reading reading;

	start_complete(_i);
	rig_join(&rig);
	ck_assert_int_eq(rig.relay.end, RELAY_IDLE);
	reading = tcp_read_all(rig.end[!SIDE], SEED(0));
	ck_assert(reading.intact);
	ck_assert_int_eq(reading.error, ECONNRESET);
	ck_assert_uint_lt(reading.count, TRICKLES * PIECE);
}
END_TEST

START_TEST(who_reads_slowly_what_is_complete_is_not_idle)
{
	start_complete(_i);
	for (uint64_t at = 0; at < TRICKLES; at++) {
		poll(NULL, 0, TRICKLE_GAP_MS);
		tcp_expect(
		    rig.end[!SIDE], SEED(0), at * PIECE, (at + 1) * PIECE);
	}
	tcp_expect_all(rig.end[!SIDE], SEED(0), 0, 0);
	rig_finish(&rig, RELAY_EOF);
}
END_TEST

static bool
is_graceful(int fd)
{
	struct linger linger;
	socklen_t len = sizeof(linger);

	getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len);
	return !linger.l_onoff;
}

/* A kill closes all sockets; the kernel then goes on to deliver. */
START_TEST(whatever_ends_the_program_what_is_complete_is_delivered)
{
	start_complete(_i);
	while (!is_graceful(rig.relay.fd[SIDE]) ||
	    !is_graceful(rig.relay.fd[!SIDE]))
		poll(NULL, 0, 1);
	tcp_expect_all(rig.end[!SIDE], SEED(0), TRICKLES * PIECE, 0);
	rig_finish(&rig, RELAY_EOF);
}
END_TEST

/*
 * Both sides ended their streams, with more data on one than the other has
 * read, so both threads have something to wait for.
 */
START_TEST(who_waits_leaves_the_processor_to_others)
{
	int buffer_len[2];
	clock_t before;

	buffer_len[SIDE] = 200000;
	buffer_len[!SIDE] = 4096;
	rig_open(&rig, FAMILY, buffer_len[0], buffer_len[1]);
	rig_start(&rig);
	shutdown(rig.end[!SIDE], SHUT_WR);
	tcp_expect_all(rig.end[SIDE], SEED(1), 0, 0);
	tcp_send(rig.end[SIDE], SEED(0), 0, 100000);
	shutdown(rig.end[SIDE], SHUT_WR);
	tcp_await_acknowledged(rig.end[SIDE]);
	before = clock();
	poll(NULL, 0, IDLE_MS);
	ck_assert_int_lt(
	    clock() - before, IDLE_MS / 3 * (CLOCKS_PER_SEC / 1000));
	tcp_expect_all(rig.end[!SIDE], SEED(0), 100000, 0);
	rig_finish(&rig, RELAY_EOF);
}
END_TEST

START_TEST(a_limit_of_zero_is_none)
{
	rig_open(&rig, AF_INET, 0, 0);
	rig_start(&rig);
	poll(NULL, 0, IDLE_MS);
	tcp_send(rig.end[0], SEED(0), 0, 100);
	tcp_expect(rig.end[1], SEED(0), 0, 100);
	tcp_send(rig.end[1], SEED(1), 0, 100);
	tcp_expect(rig.end[0], SEED(1), 0, 100);
	shutdown(rig.end[0], SHUT_WR);
	poll(NULL, 0, IDLE_MS);
	shutdown(rig.end[1], SHUT_WR);
	rig_finish(&rig, RELAY_EOF);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("relay");
	TCase *stream = tcase_create("stream");
	TCase *idle = tcase_create("idle");
	int families = tcp_family_count();

	tcase_add_loop_test(
	    stream, megabytes_pass_whole_both_ways_at_once, 0, families);
	tcase_add_loop_test(stream,
	    a_half_closed_connection_carries_megabytes_the_other_way, 0,
	    ROUNDS);
	tcase_add_loop_test(
	    stream, a_connection_of_no_bytes_ends_as_one, 0, ROUNDS);
	tcase_add_loop_test(
	    stream, urgent_data_is_a_byte_like_all_others, 0, 2);
	tcase_add_test(
	    stream, urgent_data_does_not_end_the_stream_of_who_idles);
	tcase_add_test(stream, both_sides_may_end_at_the_same_time);
	tcase_add_loop_test(
	    stream, a_close_without_waiting_delivers_everything, 0, ROUNDS);
	tcase_add_loop_test(stream,
	    what_was_forwarded_already_is_counted_and_not_repeated, 0,
	    families * (int)COUNT(beginnings));
	tcase_add_loop_test(
	    stream, a_single_byte_is_never_held_back, 0, families);
	tcase_add_loop_test(stream,
	    who_does_not_read_does_not_stop_the_other_direction, 0, ROUNDS);
	suite_add_tcase(suite, stream);

	tcase_add_loop_test(
	    idle, a_connection_on_which_nothing_moves_is_reset, 0, families);
	tcase_add_loop_test(
	    idle, what_came_before_a_connection_idled_is_delivered, 0, 2);
	tcase_add_loop_test(idle, a_half_closed_connection_idles_too, 0, 2);
	tcase_add_loop_test(idle, a_peer_that_stopped_reading_idles, 0, 2);
	tcase_add_loop_test(
	    idle, one_byte_now_and_then_one_way_is_not_idle, 0, 2);
	tcase_add_loop_test(
	    idle, who_reads_slowly_what_the_kernel_has_is_not_idle, 0, 2);
	tcase_add_loop_test(
	    idle, who_stops_reading_what_is_complete_idles, 0, 2);
	tcase_add_loop_test(
	    idle, who_reads_slowly_what_is_complete_is_not_idle, 0, 2);
	tcase_add_loop_test(idle,
	    whatever_ends_the_program_what_is_complete_is_delivered, 0, 2);
	tcase_add_loop_test(
	    idle, who_waits_leaves_the_processor_to_others, 0, 2);
	tcase_add_test(idle, a_limit_of_zero_is_none);
	suite_add_tcase(suite, idle);
	return suite;
}
