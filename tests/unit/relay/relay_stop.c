/*
 * Tests of a relay that is stopped and goes on, in each state of its streams:
 * nothing is lost, sent twice or taken meanwhile.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "base/deadline.h"
#include "base/signals.h"
#include "rig.h"
#include "suite.h"

#define MUCH (4 * 1024 * 1024)
#define UNLIMITED (1000 * 1024 * 1024)
#define SMALL (16 * 1024)

#define SEED(side) (1u + (side))
#define SIDE ((enum relay_side)(_i % 2))
#define FAMILY tcp_family(_i / 2)
#define ROUNDS (2 * tcp_family_count())

/* Far below the time for which a quiet connection waits in one call. */
#define SOON_MS 10000

static struct rig rig;

/* Stops the relay; false if it has ended. */
static bool
stop(void)
{
	for (;;) {
		bool is_over, is_still;

		pthread_mutex_lock(&rig.lock);
		is_over = rig.closed;
		is_still = !is_over && relay_stop(&rig.relay);
		pthread_mutex_unlock(&rig.lock);
		if (is_over || is_still)
			return is_still;
		poll(NULL, 0, 1);
	}
}

/* Once, at a moment that the test chooses. */
static void
stop_and_go(void)
{
	ck_assert(stop());
	relay_resume(&rig.relay);
}

/* Until the relay has ended. Returns how often. */
static void *
stop_often(void *unused)
{
	static unsigned times;

	(void)unused;
	for (times = 0; stop(); times++) {
		relay_resume(&rig.relay);
		poll(NULL, 0, 1);
	}
	return &times;
}

static pthread_t stopper;

static void
start(int family, int downstream_len, int upstream_len)
{
	signals_block();
	rig_open(&rig, family, downstream_len, upstream_len);
	rig_start(&rig);
}

static void
start_stopper(void)
{
	ck_assert_int_eq(pthread_create(&stopper, NULL, stop_often, NULL), 0);
}

/* Returns how often the relay was stopped. */
static unsigned
join_stopper(void)
{
	void *times;

	ck_assert_int_eq(pthread_join(stopper, &times), 0);
	return *(unsigned *)times;
}

static void
await_settled(void)
{
	while (!atomic_load(&rig.relay.has_settled))
		poll(NULL, 0, 1);
}

START_TEST(megabytes_pass_whole_both_ways)
{
	struct rig_sender user, destination;

	start(FAMILY, 0, 0);
	start_stopper();
	rig_send(&user, rig.end[0], SEED(0), MUCH, true);
	rig_send(&destination, rig.end[1], SEED(1), MUCH, true);
	tcp_expect_all(rig.end[1], SEED(0), MUCH, 0);
	tcp_expect_all(rig.end[0], SEED(1), MUCH, 0);
	rig_sent(&user);
	rig_sent(&destination);
	rig_finish(&rig, RELAY_EOF);
	ck_assert_uint_gt(join_stopper(), 0);
	ck_assert_uint_eq(rig.relay.bytes[0], MUCH);
	ck_assert_uint_eq(rig.relay.bytes[1], MUCH);
}
END_TEST

START_TEST(a_quiet_connection_stops_at_once)
{
	int64_t began;

	start(FAMILY, 0, 0);
	await_settled();
	began = deadline_now();
	stop_and_go();
	ck_assert_int_lt(deadline_now() - began, SOON_MS);
	shutdown(rig.end[SIDE], SHUT_WR);
	tcp_expect_all(rig.end[!SIDE], SEED(SIDE), 0, 0);
	/* One direction waits for a reset now. */
	began = deadline_now();
	stop_and_go();
	ck_assert_int_lt(deadline_now() - began, SOON_MS);
	shutdown(rig.end[!SIDE], SHUT_WR);
	rig_finish(&rig, RELAY_EOF);
	ck_assert_int_eq(rig.relay.culprit, SIDE);
}
END_TEST

START_TEST(nothing_is_taken_while_it_is_still)
{
	int queued = 0;

	start(FAMILY, 0, 0);
	tcp_send(rig.end[SIDE], SEED(SIDE), 0, 1000);
	tcp_expect(rig.end[!SIDE], SEED(SIDE), 0, 1000);
	ck_assert(stop());
	tcp_send(rig.end[SIDE], SEED(SIDE), 1000, 3000);
	tcp_await_acknowledged(rig.end[SIDE]);
	ck_assert_int_eq(ioctl(rig.relay.fd[SIDE], SIOCINQ, &queued), 0);
	ck_assert_int_eq(queued, 2000);
	ck_assert_uint_eq(rig.relay.flow[SIDE].received, 1000);
	/* Its threads have other work, and are not to be interrupted. */
	ck_assert_int_eq(rig.relay.flow[SIDE].thread, 0);
	ck_assert_int_eq(rig.relay.flow[!SIDE].thread, 0);
	relay_resume(&rig.relay);
	tcp_expect(rig.end[!SIDE], SEED(SIDE), 1000, 3000);
	tcp_reset(rig.end[SIDE]);
	rig.end[SIDE] = -1;
	rig_finish_reset(&rig, SIDE);
}
END_TEST

START_TEST(what_a_stalled_reader_has_not_taken_is_kept)
{
	uint64_t filled, in_hand;
	struct relay_flow *flow = &rig.relay.flow[SIDE];

	start(FAMILY, SMALL, SMALL);
	filled = tcp_fill(rig.end[SIDE], SEED(SIDE), 0, UNLIMITED, 300);
	ck_assert(stop());
	in_hand = flow->rest.piped + flow->rest.len;
	ck_assert_uint_gt(in_hand, 0);
	ck_assert_uint_eq(flow->received, rig.relay.bytes[SIDE] + in_hand);
	relay_resume(&rig.relay);
	start_stopper();
	shutdown(rig.end[SIDE], SHUT_WR);
	tcp_expect_all(rig.end[!SIDE], SEED(SIDE), filled, 0);
	/* A half-closed connection still carries the other direction. */
	ck_assert_uint_eq(
	    tcp_send(rig.end[!SIDE], SEED(!SIDE), 0, SMALL), SMALL);
	shutdown(rig.end[!SIDE], SHUT_WR);
	tcp_expect_all(rig.end[SIDE], SEED(!SIDE), SMALL, 0);
	rig_finish(&rig, RELAY_EOF);
	join_stopper();
}
END_TEST

START_TEST(the_bytes_before_a_reset_are_delivered)
{
	uint64_t filled;

	start(FAMILY, SMALL, 0);
	/* The relay has all of them; the other side takes none yet. */
	filled = tcp_send(rig.end[1], SEED(1), 0, 200000);
	tcp_await_acknowledged(rig.end[1]);
	tcp_reset(rig.end[1]);
	rig.end[1] = -1;
	rig_await_reset(&rig, RELAY_UPSTREAM);
	start_stopper();
	tcp_expect_all(rig.end[0], SEED(1), filled, ECONNRESET);
	rig_finish_reset(&rig, RELAY_UPSTREAM);
	join_stopper();
}
END_TEST

START_TEST(the_end_of_a_complete_stream_is_delivered)
{
	struct rig_sender sender;

	start(FAMILY, 0, 0);
	shutdown(rig.end[!SIDE], SHUT_WR);
	tcp_expect_all(rig.end[SIDE], SEED(!SIDE), 0, 0);
	rig_send(&sender, rig.end[SIDE], SEED(SIDE), MUCH, true);
	rig_sent(&sender);
	stop_and_go();
	start_stopper();
	tcp_expect_all(rig.end[!SIDE], SEED(SIDE), MUCH, 0);
	rig_finish(&rig, RELAY_EOF);
	join_stopper();
}
END_TEST

START_TEST(a_stop_is_no_progress)
{
	int64_t moved_at;

	signals_block();
	rig_open(&rig, FAMILY, 0, 0);
	rig.relay.idle_ms = 400;
	rig_start(&rig);
	/* The acknowledged SYN counts as progress, once. */
	while (!rig.relay.acknowledged[RELAY_UPSTREAM])
		poll(NULL, 0, 1);
	ck_assert(stop());
	moved_at = rig.relay.moved_at;
	relay_resume(&rig.relay);
	stop_and_go();
	tcp_expect_all(rig.end[SIDE], SEED(!SIDE), 0, ECONNRESET);
	rig_finish(&rig, RELAY_IDLE);
	ck_assert_int_eq(rig.relay.moved_at, moved_at);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("relay_stop");
	TCase *stops = tcase_create("stops");
	int rounds = ROUNDS;

	tcase_add_loop_test(stops, megabytes_pass_whole_both_ways, 0, rounds);
	tcase_add_loop_test(stops, a_quiet_connection_stops_at_once, 0, rounds);
	tcase_add_loop_test(
	    stops, nothing_is_taken_while_it_is_still, 0, rounds);
	tcase_add_loop_test(
	    stops, what_a_stalled_reader_has_not_taken_is_kept, 0, rounds);
	tcase_add_loop_test(
	    stops, the_bytes_before_a_reset_are_delivered, 0, rounds);
	tcase_add_loop_test(
	    stops, the_end_of_a_complete_stream_is_delivered, 0, rounds);
	tcase_add_loop_test(stops, a_stop_is_no_progress, 0, rounds);
	suite_add_tcase(suite, stops);
	return suite;
}
