#include "relay/pump.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket.h"
#include "suite.h"
#include "tcp.h"

#define SEED 7

/* More bytes than the pump needs to detect bulk. */
#define BULK_LEN (512 * 1024)

/* A pump from one connection to another, and the outer ends of both. */
static struct {
	struct pump pump;
	uint8_t buffer[PUMP_BUFFER_LEN];
	int source, from, to, sink;
	uint64_t sent; /* bytes of the stream that the source has sent */
	uint64_t read; /* bytes that the receiver has read */
} bench;

static void
open_pair(int *outer, int *inner)
{
	union address own;
	int listen_fd = tcp_listen(AF_INET, 1);

	own = tcp_bound(listen_fd);
	*outer = tcp_connect(&own);
	*inner = tcp_accept(listen_fd);
	close(listen_fd);
}

static void
open_bench(void)
{
	signal(SIGPIPE, SIG_IGN);
	memset(&bench, 0, sizeof(bench));
	open_pair(&bench.source, &bench.from);
	open_pair(&bench.sink, &bench.to);
	pump_init(&bench.pump, bench.buffer);
}

static void
close_bench(void)
{
	pump_finish(&bench.pump);
	close(bench.source);
	close(bench.from);
	close(bench.to);
	close(bench.sink);
}

static int
descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static void
source_sends(uint64_t len)
{
	ck_assert_uint_eq(
	    tcp_send(bench.source, SEED, bench.sent, bench.sent + len),
	    bench.sent + len - bench.sent);
	bench.sent += len;
}

/* Moves all sent bytes, and checks them. */
static void
pump_all(void)
{
	while (bench.read < bench.sent) {
		ssize_t len = pump_fill(&bench.pump, bench.from);

		ck_assert_int_gt(len, 0);
		ck_assert_uint_eq(pump_waiting(&bench.pump), (size_t)len);
		while (pump_waiting(&bench.pump) > 0)
			ck_assert_int_gt(pump_flush(&bench.pump, bench.to), 0);
		tcp_expect(
		    bench.sink, SEED, bench.read, bench.read + (uint64_t)len);
		bench.read += (uint64_t)len;
	}
}

/* Sends in pieces that fit the sockets' queues without a reader. */
static void
pump_bulk(void)
{
	for (uint64_t len = 0; len < BULK_LEN; len += 64 * 1024) {
		source_sends(64 * 1024);
		pump_all();
	}
}

START_TEST(small_messages_never_pay_for_a_pipe)
{
	int before = descriptors();

	for (int i = 0; i < 1000; i++) {
		source_sends(64 + (uint64_t)i);
		pump_all();
		ck_assert_int_eq(bench.pump.pipe[0], -1);
	}
	ck_assert_int_eq(descriptors(), before);
}
END_TEST

START_TEST(bulk_goes_through_a_pipe_unchanged)
{
	pump_bulk();
	ck_assert_int_ge(bench.pump.pipe[0], 0);
}
END_TEST

START_TEST(the_pipe_is_given_back_when_only_small_messages_come)
{
	int before = descriptors();

	pump_bulk();
	for (int i = 0; i < 100; i++) {
		source_sends(100);
		pump_all();
	}
	ck_assert_int_eq(bench.pump.pipe[0], -1);
	ck_assert_int_eq(descriptors(), before);
	pump_bulk();
	ck_assert_int_ge(bench.pump.pipe[0], 0);
}
END_TEST

START_TEST(the_pipe_is_given_back_when_nothing_comes)
{
	int before = descriptors();

	pump_bulk();
	ck_assert_int_eq(socket_set_recv_timeout(bench.from, 20), 0);
	ck_assert_int_eq(pump_fill(&bench.pump, bench.from), -EAGAIN);
	ck_assert_int_eq(descriptors(), before);
	source_sends(1000);
	pump_all();
}
END_TEST

START_TEST(without_descriptors_a_buffer_does_it)
{
	struct rlimit limit, none;

	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = (rlim_t)dup(0);
	close((int)none.rlim_cur);
	setrlimit(RLIMIT_NOFILE, &none);
	pump_bulk();
	/* The leak sanitizer wants some, too. */
	setrlimit(RLIMIT_NOFILE, &limit);
	ck_assert_int_eq(bench.pump.pipe[0], -1);
	ck_assert_ptr_nonnull(bench.pump.large);
}
END_TEST

START_TEST(past_the_limit_of_pipes_a_buffer_does_it)
{
	pump_limit_pipes(0);
	pump_bulk();
	ck_assert_int_eq(bench.pump.pipe[0], -1);
	ck_assert_ptr_nonnull(bench.pump.large);
}
END_TEST

/* Any number of times: a pipe given back is available again. */
START_TEST(pipes_that_were_given_back_do_not_count)
{
	pump_limit_pipes(1);
	for (int i = 0; i < 3; i++) {
		pump_bulk();
		ck_assert_int_ge(bench.pump.pipe[0], 0);
		pump_finish(&bench.pump);
	}
}
END_TEST

/* An unprivileged user's pipes beyond some number have two pages. */
START_TEST(a_pipe_that_was_shrunk_is_not_used)
{
	int pipes[2], count = 0;
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (geteuid() == 0)
		ck_assert_int_eq(setuid(65534), 0);
	do {
		ck_assert_int_eq(pipe(pipes), 0);
	} while (fcntl(pipes[0], F_GETPIPE_SZ) >= 64 * 1024 && count++ < 5000);
	pump_bulk();
	ck_assert_int_eq(bench.pump.pipe[0], -1);
	ck_assert_ptr_nonnull(bench.pump.large);
}
END_TEST

static void
set_buffer(int fd, int name, int len)
{
	ck_assert_int_eq(
	    setsockopt(fd, SOL_SOCKET, name, &len, sizeof(len)), 0);
}

static void
sink_reads(ssize_t len)
{
	ck_assert_int_gt(len, 0);
	tcp_expect(bench.sink, SEED, bench.read, bench.read + (uint64_t)len);
	bench.read += (uint64_t)len;
}

/* A receiver that takes nothing for long must not keep the sender unread. */
START_TEST(a_sink_without_room_gets_a_piece_and_the_source_is_read)
{
	ssize_t piece;

	pump_bulk();
	set_buffer(bench.source, SO_SNDBUF, 200 * 1024);
	set_buffer(bench.from, SO_RCVBUF, 200 * 1024);
	set_buffer(bench.to, SO_SNDBUF, 60 * 1024);
	source_sends(160 * 1024);
	tcp_await_acknowledged(bench.source);
	ck_assert_int_gt(pump_fill(&bench.pump, bench.from), 128 * 1024);
	ck_assert_uint_eq(pump_top_up(&bench.pump, bench.from), 0);
	piece = pump_flush(&bench.pump, bench.to);
	ck_assert_int_le(piece, 64 * 1024);
	sink_reads(piece);
	source_sends(1000);
	tcp_await_acknowledged(bench.source);
	ck_assert_uint_eq(pump_top_up(&bench.pump, bench.from), 1000);
	while (pump_waiting(&bench.pump) > 0)
		sink_reads(pump_flush(&bench.pump, bench.to));
	ck_assert_uint_eq(bench.read, bench.sent);
}
END_TEST

START_TEST(what_ends_the_stream_is_left_for_the_next_fill)
{
	pump_bulk();
	source_sends(10000);
	tcp_await_acknowledged(bench.source);
	ck_assert_int_gt(pump_fill(&bench.pump, bench.from), 0);
	tcp_reset(bench.source);
	bench.source = -1;
	tcp_await_closed(bench.from);
	ck_assert_uint_eq(pump_top_up(&bench.pump, bench.from), 0);
	while (pump_waiting(&bench.pump) > 0)
		sink_reads(pump_flush(&bench.pump, bench.to));
	ck_assert_int_eq(pump_fill(&bench.pump, bench.from), -ECONNRESET);
}
END_TEST

START_TEST(the_end_of_the_stream_is_zero_either_way)
{
	if (_i == 1)
		pump_bulk();
	shutdown(bench.source, SHUT_WR);
	ck_assert_int_eq(pump_fill(&bench.pump, bench.from), 0);
	ck_assert_int_eq(pump_fill(&bench.pump, bench.from), 0);
}
END_TEST

START_TEST(what_came_before_a_reset_is_moved_first_either_way)
{
	if (_i == 1)
		pump_bulk();
	source_sends(10000);
	tcp_await_acknowledged(bench.source);
	tcp_reset(bench.source);
	bench.source = -1;
	tcp_await_closed(bench.from);
	pump_all();
	ck_assert_int_eq(pump_fill(&bench.pump, bench.from), -ECONNRESET);
}
END_TEST

START_TEST(a_dead_sink_is_an_error_and_no_signal_either_way)
{
	signal(SIGPIPE, SIG_IGN);
	if (_i == 1)
		pump_bulk();
	source_sends(10000);
	tcp_reset(bench.sink);
	bench.sink = -1;
	tcp_await_closed(bench.to);
	ck_assert_int_gt(pump_fill(&bench.pump, bench.from), 0);
	ck_assert_int_eq(pump_flush(&bench.pump, bench.to), -ECONNRESET);
	ck_assert_int_eq(pump_flush(&bench.pump, bench.to), -EPIPE);
	ck_assert_uint_gt(pump_waiting(&bench.pump), 0);
}
END_TEST

START_TEST(a_sink_that_does_not_read_is_a_timeout_either_way)
{
	ssize_t len;

	if (_i == 1)
		pump_bulk();
	tcp_fill(bench.to, SEED, bench.read, UINT64_MAX, 50);
	ck_assert_int_eq(socket_set_send_timeout(bench.to, 20), 0);
	do {
		if (pump_waiting(&bench.pump) == 0) {
			source_sends(1000);
			pump_fill(&bench.pump, bench.from);
		}
		len = pump_flush(&bench.pump, bench.to);
	} while (len > 0);
	ck_assert_int_eq(len, -EAGAIN);
	ck_assert_uint_gt(pump_waiting(&bench.pump), 0);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("pump");
	TCase *pump = tcase_create("pump");

	tcase_add_checked_fixture(pump, open_bench, close_bench);
	tcase_add_test(pump, small_messages_never_pay_for_a_pipe);
	tcase_add_test(pump, bulk_goes_through_a_pipe_unchanged);
	tcase_add_test(
	    pump, the_pipe_is_given_back_when_only_small_messages_come);
	tcase_add_test(pump, the_pipe_is_given_back_when_nothing_comes);
	tcase_add_test(pump, without_descriptors_a_buffer_does_it);
	tcase_add_test(pump, past_the_limit_of_pipes_a_buffer_does_it);
	tcase_add_test(pump, pipes_that_were_given_back_do_not_count);
	tcase_add_test(pump, a_pipe_that_was_shrunk_is_not_used);
	tcase_add_test(
	    pump, a_sink_without_room_gets_a_piece_and_the_source_is_read);
	tcase_add_test(pump, what_ends_the_stream_is_left_for_the_next_fill);
	tcase_add_loop_test(
	    pump, the_end_of_the_stream_is_zero_either_way, 0, 2);
	tcase_add_loop_test(
	    pump, what_came_before_a_reset_is_moved_first_either_way, 0, 2);
	tcase_add_loop_test(
	    pump, a_dead_sink_is_an_error_and_no_signal_either_way, 0, 2);
	tcase_add_loop_test(
	    pump, a_sink_that_does_not_read_is_a_timeout_either_way, 0, 2);
	suite_add_tcase(suite, pump);
	return suite;
}
