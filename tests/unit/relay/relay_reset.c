/*
 * Tests of the relay when one side, the culprit, is reset: the other side gets
 * every byte sent before, and then a reset as well, in any state of the two.
 * The culprit waits for its bytes to be acknowledged, since a reset discards
 * the data in its own kernel.
 */

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/deadline.h"
#include "net/socket.h"
#include "relay/relay.h"
#include "rig.h"
#include "suite.h"

#define MEBIBYTE (1024 * 1024)
#define UNLIMITED (1000 * MEBIBYTE)
#define SOME 100000

#define CULPRIT_SEED 1
#define OTHER_SEED 2

/* Of loop tests over families and culprits. */
#define FAMILY tcp_family(_i / 2)
#define CULPRIT ((enum relay_side)(_i % 2))

static struct rig rig;

static void
reset(enum relay_side culprit)
{
	tcp_reset(rig.end[culprit]);
	rig.end[culprit] = -1;
}

/* The other side gets a number of bytes within these bounds, then the reset. */
static void
check_other(enum relay_side culprit, uint64_t least, uint64_t most)
{
	struct tcp_reading reading =
	    tcp_read_all(rig.end[!culprit], CULPRIT_SEED);

	ck_assert(reading.intact);
	ck_assert_uint_ge(reading.count, least);
	ck_assert_uint_le(reading.count, most);
	ck_assert_int_eq(reading.error, ECONNRESET);
}

static void
start(int family)
{
	rig_open(&rig, family, 0, 0);
	rig_start(&rig);
}

START_TEST(before_any_data)
{
	start(FAMILY);
	reset(CULPRIT);
	check_other(CULPRIT, 0, 0);
	rig_finish_reset(&rig, CULPRIT);
	ck_assert_uint_eq(rig.relay.bytes[CULPRIT], 0);
}
END_TEST

START_TEST(before_the_relay_has_begun)
{
	rig_open(&rig, FAMILY, 0, 0);
	ck_assert_uint_eq(
	    tcp_send(rig.end[CULPRIT], CULPRIT_SEED, 0, SOME), SOME);
	tcp_await_acknowledged(rig.end[CULPRIT]);
	reset(CULPRIT);
	rig_start(&rig);
	check_other(CULPRIT, SOME, SOME);
	rig_finish_reset(&rig, CULPRIT);
}
END_TEST

START_TEST(after_data)
{
	start(FAMILY);
	ck_assert_uint_eq(
	    tcp_send(rig.end[CULPRIT], CULPRIT_SEED, 0, SOME), SOME);
	tcp_await_acknowledged(rig.end[CULPRIT]);
	reset(CULPRIT);
	check_other(CULPRIT, SOME, SOME);
	rig_finish_reset(&rig, CULPRIT);
	ck_assert_uint_eq(rig.relay.bytes[CULPRIT], SOME);
}
END_TEST

START_TEST(after_data_both_ways)
{
	start(FAMILY);
	tcp_send(rig.end[!CULPRIT], OTHER_SEED, 0, SOME);
	tcp_expect(rig.end[CULPRIT], OTHER_SEED, 0, SOME);
	tcp_send(rig.end[CULPRIT], CULPRIT_SEED, 0, SOME);
	tcp_await_acknowledged(rig.end[CULPRIT]);
	reset(CULPRIT);
	check_other(CULPRIT, SOME, SOME);
	rig_finish_reset(&rig, CULPRIT);
	ck_assert_uint_eq(rig.relay.bytes[!CULPRIT], SOME);
}
END_TEST

/* The reset that close(2) sends if unread data is left. */
START_TEST(by_a_program_that_ends_without_reading)
{
	struct pollfd unread;

	start(FAMILY);
	tcp_send(rig.end[!CULPRIT], OTHER_SEED, 0, SOME);
	unread = (struct pollfd){ .fd = rig.end[CULPRIT], .events = POLLIN };
	ck_assert_int_eq(poll(&unread, 1, -1), 1);
	tcp_send(rig.end[CULPRIT], CULPRIT_SEED, 0, SOME);
	tcp_await_acknowledged(rig.end[CULPRIT]);
	close(rig.end[CULPRIT]);
	rig.end[CULPRIT] = -1;
	check_other(CULPRIT, SOME, SOME);
	rig_finish_reset(&rig, CULPRIT);
}
END_TEST

/*
 * Its stream was complete, so it ends normally; then the other side is reset.
 */
START_TEST(after_its_own_fin)
{
	start(FAMILY);
	tcp_send(rig.end[CULPRIT], CULPRIT_SEED, 0, SOME);
	shutdown(rig.end[CULPRIT], SHUT_WR);
	tcp_expect_all(rig.end[!CULPRIT], CULPRIT_SEED, SOME, 0);
	tcp_send(rig.end[!CULPRIT], OTHER_SEED, 0, SOME);
	tcp_expect(rig.end[CULPRIT], OTHER_SEED, 0, SOME);
	reset(CULPRIT);
	tcp_await_closed(rig.end[!CULPRIT]);
	ck_assert_int_eq(send(rig.end[!CULPRIT], "x", 1, MSG_NOSIGNAL), -1);
	rig_finish_reset(&rig, CULPRIT);
	ck_assert_int_eq(rig.relay.error, ECONNRESET);
}
END_TEST

/* Its FIN may not be forwarded yet, but its bytes must arrive. */
START_TEST(right_behind_its_own_fin)
{
	start(FAMILY);
	tcp_send(rig.end[CULPRIT], CULPRIT_SEED, 0, SOME);
	shutdown(rig.end[CULPRIT], SHUT_WR);
	tcp_await_acknowledged(rig.end[CULPRIT]);
	reset(CULPRIT);
	tcp_expect_all(rig.end[!CULPRIT], CULPRIT_SEED, SOME, 0);
	tcp_await_closed(rig.end[!CULPRIT]);
	rig_finish_reset(&rig, CULPRIT);
}
END_TEST

/* A close(2) looks like a half-close until something is sent there. */
/* In each order in which the two flows notice it, the stream was complete. */
START_TEST(behind_its_fin_keeps_the_fin_though_it_is_sent_more)
{
	struct rig_sender flood;
	int user, destination;

	start(AF_INET);
	user = rig.end[RELAY_DOWNSTREAM];
	destination = rig.end[RELAY_UPSTREAM];
	rig_send(&flood, user, OTHER_SEED, UINT64_MAX / 2, false);
	tcp_expect(destination, OTHER_SEED, 0, 1000);
	ck_assert_uint_eq(
	    tcp_send(destination, CULPRIT_SEED, 0, 100000), 100000);
	shutdown(destination, SHUT_WR);
	tcp_await_acknowledged(destination);
	reset(RELAY_UPSTREAM);
	tcp_expect_all(user, CULPRIT_SEED, 100000, 0);
	pthread_join(flood.thread, NULL);
	rig_finish_reset(&rig, RELAY_UPSTREAM);
}
END_TEST

START_TEST(by_a_program_that_is_gone_and_is_sent_more)
{
	start(FAMILY);
	close(rig.end[CULPRIT]);
	rig.end[CULPRIT] = -1;
	ck_assert_int_eq(
	    tcp_read_all(rig.end[!CULPRIT], CULPRIT_SEED).error, 0);
	ck_assert_uint_lt(
	    tcp_send(rig.end[!CULPRIT], OTHER_SEED, 0, UNLIMITED), UNLIMITED);
	rig_finish_reset(&rig, CULPRIT);
}
END_TEST

START_TEST(after_the_other_sides_fin)
{
	start(FAMILY);
	tcp_send(rig.end[!CULPRIT], OTHER_SEED, 0, SOME);
	shutdown(rig.end[!CULPRIT], SHUT_WR);
	ck_assert_uint_eq(
	    tcp_read_all(rig.end[CULPRIT], OTHER_SEED).count, SOME);
	tcp_send(rig.end[CULPRIT], CULPRIT_SEED, 0, SOME);
	tcp_await_acknowledged(rig.end[CULPRIT]);
	reset(CULPRIT);
	check_other(CULPRIT, SOME, SOME);
	rig_finish_reset(&rig, CULPRIT);
	ck_assert_uint_eq(rig.relay.bytes[CULPRIT], SOME);
}
END_TEST

/* The part in the relay's kernel must arrive; returns its length. */
static uint64_t
fill(enum relay_side side, unsigned seed, uint64_t *sent)
{
	*sent = tcp_fill(rig.end[side], seed, 0, UNLIMITED, 100);
	return *sent - (uint64_t)socket_unacknowledged(rig.end[side]);
}

START_TEST(while_the_other_is_stalled_with_megabytes_queued)
{
	uint64_t sent, taken;

	start(FAMILY);
	taken = fill(CULPRIT, CULPRIT_SEED, &sent);
	ck_assert_uint_gt(taken, SOME);
	reset(CULPRIT);
	check_other(CULPRIT, taken, sent);
	rig_finish_reset(&rig, CULPRIT);
}
END_TEST

/*
 * The other side is stalled and has little room, so most of the culprit's bytes
 * wait in the relay, all of them acknowledged.
 */
static void
start_narrow(int family, enum relay_side culprit, bool fin)
{
	int buffer_len[2];

	buffer_len[culprit] = 2 * SOME;
	buffer_len[!culprit] = 4096;
	rig_open(&rig, family, buffer_len[0], buffer_len[1]);
	rig_start(&rig);
	tcp_send(rig.end[culprit], CULPRIT_SEED, 0, SOME);
	if (fin)
		shutdown(rig.end[culprit], SHUT_WR);
	tcp_await_acknowledged(rig.end[culprit]);
}

/*
 * The FIN is behind bytes that the relay has not read yet, but all of it came.
 */
START_TEST(after_its_own_fin_while_the_other_is_stalled)
{
	start_narrow(FAMILY, CULPRIT, true);
	reset(CULPRIT);
	rig_await_reset(&rig, CULPRIT);
	tcp_expect_all(rig.end[!CULPRIT], CULPRIT_SEED, SOME, 0);
	tcp_await_closed(rig.end[!CULPRIT]);
	rig_finish_reset(&rig, CULPRIT);
}
END_TEST

/*
 * The other side is stalled, but the relay's kernel has room for all bytes of
 * the culprit and for its FIN: returns when they are there.
 */
static void
start_wide(int family, enum relay_side culprit, int64_t idle_ms)
{
	int large = 4 * SOME, in = 0;

	rig_open(&rig, family, 4096, 4096);
	setsockopt(rig.relay.fd[!culprit], SOL_SOCKET, SO_SNDBUF, &large,
	    sizeof(large));
	rig.relay.idle_ms = idle_ms;
	rig_start(&rig);
	tcp_send(rig.end[culprit], CULPRIT_SEED, 0, SOME);
	shutdown(rig.end[culprit], SHUT_WR);
	do {
		poll(NULL, 0, 1);
		ioctl(rig.end[!culprit], SIOCINQ, &in);
	} while (rig_queued(&rig, !culprit) + in != SOME + 1);
}

/*
 * The other side gets everything, even if it sends meanwhile: the relay must
 * not shut that side for reading, or the kernel would reset it at once.
 */
START_TEST(after_its_own_fin_while_the_other_talks_and_reads_slowly)
{
	start_wide(FAMILY, CULPRIT, 0);
	reset(CULPRIT);
	for (uint64_t at = 0; at < SOME; at += 1000) {
		send(rig.end[!CULPRIT], "x", 1, MSG_NOSIGNAL);
		tcp_expect(rig.end[!CULPRIT], CULPRIT_SEED, at, at + 1000);
	}
	tcp_await_closed(rig.end[!CULPRIT]);
	rig_finish_reset(&rig, CULPRIT);
}
END_TEST

/*
 * The relay waits for forwarded bytes to arrive, but no longer than the idle
 * limit.
 */
START_TEST(after_its_own_fin_while_the_other_never_reads)
{
	int64_t started;

	start_wide(FAMILY, CULPRIT, 2000);
	started = deadline_now();
	reset(CULPRIT);
	rig_join(&rig);
	ck_assert_int_ge(deadline_now() - started, 1000);
	ck_assert_int_eq(rig.relay.end, RELAY_RESET);
	ck_assert_int_eq(rig.relay.culprit, CULPRIT);
	ck_assert_int_eq(
	    tcp_read_all(rig.end[!CULPRIT], CULPRIT_SEED).error, ECONNRESET);
	close(rig.end[!CULPRIT]);
}
END_TEST

/* recv(2) then only returns 0, which must not count as a FIN. */
START_TEST(whose_error_another_call_has_taken)
{
	start_narrow(FAMILY, CULPRIT, false);
	reset(CULPRIT);
	rig_await_reset(&rig, CULPRIT);
	rig_take_error(&rig, CULPRIT);
	check_other(CULPRIT, SOME, SOME);
	rig_finish_reset(&rig, CULPRIT);
}
END_TEST

START_TEST(while_the_other_has_ended_its_stream_and_is_stalled)
{
	uint64_t sent, taken;

	start(FAMILY);
	shutdown(rig.end[!CULPRIT], SHUT_WR);
	ck_assert_uint_eq(tcp_read_all(rig.end[CULPRIT], OTHER_SEED).count, 0);
	taken = fill(CULPRIT, CULPRIT_SEED, &sent);
	reset(CULPRIT);
	check_other(CULPRIT, taken, sent);
	rig_finish_reset(&rig, CULPRIT);
}
END_TEST

START_TEST(while_it_is_stalled_itself_with_megabytes_queued)
{
	uint64_t sent;

	start(FAMILY);
	fill(!CULPRIT, OTHER_SEED, &sent);
	tcp_send(rig.end[CULPRIT], CULPRIT_SEED, 0, SOME);
	tcp_await_acknowledged(rig.end[CULPRIT]);
	reset(CULPRIT);
	check_other(CULPRIT, SOME, SOME);
	ck_assert_int_eq(send(rig.end[!CULPRIT], "x", 1, MSG_NOSIGNAL), -1);
	rig_finish_reset(&rig, CULPRIT);
}
END_TEST

START_TEST(while_both_are_stalled_with_megabytes_queued)
{
	uint64_t sent, taken, other_sent;

	start(FAMILY);
	fill(!CULPRIT, OTHER_SEED, &other_sent);
	taken = fill(CULPRIT, CULPRIT_SEED, &sent);
	reset(CULPRIT);
	check_other(CULPRIT, taken, sent);
	rig_finish_reset(&rig, CULPRIT);
}
END_TEST

static void *
run_reader(void *argument)
{
	*(struct tcp_reading *)argument =
	    tcp_read_all(rig.end[1], CULPRIT_SEED);
	return NULL;
}

/* Resets in the middle of the stream, at another offset each time. */
START_TEST(while_data_is_flowing)
{
	uint64_t from = 0, to = MEBIBYTE + (uint64_t)_i * 12345;
	struct tcp_reading reading;
	pthread_t reader;

	start(AF_INET);
	ck_assert_int_eq(
	    pthread_create(&reader, NULL, run_reader, &reading), 0);
	ck_assert_uint_eq(
	    tcp_send(rig.end[0], CULPRIT_SEED, from, to), to - from);
	from = to - (uint64_t)socket_unacknowledged(rig.end[0]);
	reset(RELAY_DOWNSTREAM);
	pthread_join(reader, NULL);
	ck_assert(reading.intact);
	ck_assert_uint_ge(reading.count, from);
	ck_assert_uint_le(reading.count, to);
	ck_assert_int_eq(reading.error, ECONNRESET);
	rig_finish_reset(&rig, RELAY_DOWNSTREAM);
}
END_TEST

START_TEST(while_data_is_flowing_both_ways)
{
	struct rig_sender senders[2];
	uint64_t part = 200000 + (uint64_t)_i * 12345;

	start(AF_INET);
	rig_send(&senders[0], rig.end[0], CULPRIT_SEED, part, false);
	rig_send(&senders[1], rig.end[1], OTHER_SEED, part, false);
	tcp_expect(rig.end[0], OTHER_SEED, 0, part);
	rig_sent(&senders[0]);
	rig_sent(&senders[1]);
	tcp_await_acknowledged(rig.end[0]);
	reset(RELAY_DOWNSTREAM);
	check_other(RELAY_DOWNSTREAM, part, part);
	rig_finish_reset(&rig, RELAY_DOWNSTREAM);
}
END_TEST

START_TEST(of_both_sides_at_once_ends_it_all)
{
	for (int i = 0; i < 100; i++) {
		start(AF_INET);
		reset(RELAY_DOWNSTREAM);
		reset(RELAY_UPSTREAM);
		rig_join(&rig);
		ck_assert_int_eq(rig.relay.end, RELAY_RESET);
	}
}
END_TEST

/*
 * The relay waits for a side that never reads the rest only up to the idle
 * limit.
 */
START_TEST(while_the_other_never_reads_ends_when_it_idles)
{
	uint64_t sent;

	rig_open(&rig, FAMILY, 0, 0);
	/* Long, so that it cannot idle while it is being filled. */
	rig.relay.idle_ms = 2000;
	rig_start(&rig);
	fill(CULPRIT, CULPRIT_SEED, &sent);
	reset(CULPRIT);
	rig_join(&rig);
	ck_assert_int_ne(rig.relay.end, RELAY_EOF);
	ck_assert_int_eq(
	    tcp_read_all(rig.end[!CULPRIT], CULPRIT_SEED).error, ECONNRESET);
	close(rig.end[!CULPRIT]);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("relay_reset");
	TCase *reset = tcase_create("a_reset");
	int rounds = 2 * tcp_family_count();

	tcase_add_loop_test(reset, before_any_data, 0, rounds);
	tcase_add_loop_test(reset, before_the_relay_has_begun, 0, rounds);
	tcase_add_loop_test(reset, after_data, 0, rounds);
	tcase_add_loop_test(reset, after_data_both_ways, 0, rounds);
	tcase_add_loop_test(
	    reset, by_a_program_that_ends_without_reading, 0, rounds);
	tcase_add_loop_test(reset, after_its_own_fin, 0, rounds);
	tcase_add_loop_test(
	    reset, after_its_own_fin_while_the_other_is_stalled, 0, rounds);
	tcase_add_loop_test(reset,
	    after_its_own_fin_while_the_other_talks_and_reads_slowly, 0,
	    rounds);
	tcase_add_loop_test(
	    reset, after_its_own_fin_while_the_other_never_reads, 0, 2);
	tcase_add_loop_test(
	    reset, whose_error_another_call_has_taken, 0, rounds);
	tcase_add_loop_test(reset, right_behind_its_own_fin, 0, rounds);
	tcase_add_loop_test(
	    reset, behind_its_fin_keeps_the_fin_though_it_is_sent_more, 0, 20);
	tcase_add_loop_test(
	    reset, by_a_program_that_is_gone_and_is_sent_more, 0, rounds);
	tcase_add_loop_test(reset, after_the_other_sides_fin, 0, rounds);
	tcase_add_loop_test(
	    reset, while_the_other_is_stalled_with_megabytes_queued, 0, rounds);
	tcase_add_loop_test(reset,
	    while_the_other_has_ended_its_stream_and_is_stalled, 0, rounds);
	tcase_add_loop_test(
	    reset, while_it_is_stalled_itself_with_megabytes_queued, 0, rounds);
	tcase_add_loop_test(
	    reset, while_both_are_stalled_with_megabytes_queued, 0, rounds);
	tcase_add_loop_test(reset, while_data_is_flowing, 0, 20);
	tcase_add_loop_test(reset, while_data_is_flowing_both_ways, 0, 20);
	tcase_add_test(reset, of_both_sides_at_once_ends_it_all);
	tcase_add_loop_test(
	    reset, while_the_other_never_reads_ends_when_it_idles, 0, 2);
	suite_add_tcase(suite, reset);
	return suite;
}
