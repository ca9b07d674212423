/*
 * Tests of a relay whose upstream says in front of its stream whether there is
 * one: 128 accepts, 35 refuses and has eight more bytes, all others refuse.
 */

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/signals.h"
#include "rig.h"
#include "suite.h"

#define ACCEPTS 128
#define LONG_ONE 35

#define GLUED_MAX 5000

#define UNLIMITED (1000 * 1024 * 1024)
#define SMALL (16 * 1024)

static struct rig rig;
static atomic_uint answered;
static bool is_stopped_meanwhile;

static int
read_answer(struct relay *relay)
{
	const struct relay_answer *answer = &relay->answer;

	if (is_stopped_meanwhile)
		relay_stop(relay);
	if (answer->bytes[0] == ACCEPTS)
		return 0;
	if (answer->bytes[0] == LONG_ONE && answer->len < RELAY_ANSWER_MAX_LEN)
		return -EAGAIN;
	return -EACCES;
}

static void
note_answer(struct relay *relay)
{
	(void)relay;
	atomic_fetch_add(&answered, 1);
}

static void
open_rig(int family, int buffer_len)
{
	signals_block();
	atomic_store(&answered, 0);
	rig_open(&rig, family, buffer_len, buffer_len);
	rig.relay.answer.is_awaited = true;
	rig.relay.read_answer = read_answer;
	rig.relay.answered = note_answer;
}

static void
start(int family)
{
	open_rig(family, 0);
	rig_start(&rig);
}

/* Only of a relay that goes on. */
static void
stop(void)
{
	while (!relay_stop(&rig.relay))
		poll(NULL, 0, 1);
}

static void
await_answered(void)
{
	while (atomic_load(&answered) == 0)
		poll(NULL, 0, 1);
}

static void
say(const uint8_t *data, size_t len)
{
	ck_assert_int_eq(send(rig.end[RELAY_UPSTREAM], data, len, 0), len);
}

static void
say_byte(uint8_t byte)
{
	say(&byte, 1);
}

static void
check_user(uint64_t count, int error)
{
	tcp_expect_all(rig.end[0], 1, count, error);
}

static void
end_upstream(bool by_reset)
{
	if (!by_reset) {
		shutdown(rig.end[RELAY_UPSTREAM], SHUT_WR);
		return;
	}
	tcp_await_acknowledged(rig.end[RELAY_UPSTREAM]);
	tcp_reset(rig.end[RELAY_UPSTREAM]);
	rig.end[RELAY_UPSTREAM] = -1;
}

/* After FINs both ways, or a reset. */
static void
finish(bool by_reset)
{
	if (by_reset) {
		rig_finish_reset(&rig, RELAY_UPSTREAM);
		return;
	}
	shutdown(rig.end[0], SHUT_WR);
	rig_finish(&rig, RELAY_EOF);
	ck_assert_int_eq(rig.relay.culprit, RELAY_UPSTREAM);
}

/* What comes with the answer, what later, and how it ends. */
static const struct {
	size_t glued, later;
	bool by_reset;
} streams[] = {
	{ 0, 0, false },
	{ 0, 0, true },
	{ 0, 1, false },
	{ 0, 200000, true },
	{ 1, 0, false },
	{ 1, 0, true },
	{ 700, 5000, false },
	{ GLUED_MAX, 0, true },
};

START_TEST(an_answer_that_accepts_is_no_part_of_the_stream)
{
	size_t glued = streams[_i].glued, later = streams[_i].later;
	uint8_t data[1 + GLUED_MAX] = { ACCEPTS };

	start(tcp_family(0));
	tcp_make_stream(data + 1, 1, 0, glued);
	say(data, 1 + glued);
	if (later > 0)
		await_answered();
	tcp_send(rig.end[RELAY_UPSTREAM], 1, glued, glued + later);
	end_upstream(streams[_i].by_reset);
	check_user(glued + later, streams[_i].by_reset ? ECONNRESET : 0);
	finish(streams[_i].by_reset);
	ck_assert_uint_eq(rig.relay.bytes[RELAY_UPSTREAM], glued + later);
	ck_assert_uint_ge(answered, 1);
	ck_assert(!rig.relay.answer.is_awaited);
	ck_assert_uint_eq(rig.relay.answer.len, 1);
}
END_TEST

/* The length of an answer that refuses, and of its first part. */
static const size_t refusals[][2] = { { 1, 1 }, { 9, 9 }, { 9, 1 }, { 9, 2 },
	{ 9, 5 }, { 9, 8 } };

START_TEST(an_answer_that_refuses_resets_the_user)
{
	size_t len = refusals[_i][0], part = refusals[_i][1];
	uint8_t data[] = { len == 1 ? 33 : LONG_ONE, 1, 2, 3, 4, 5, 6, 7, 8,
		'n', 'o', 't', ' ', 's', 'e', 'n', 't' };

	start(tcp_family(0));
	say(data, part < len ? part : sizeof(data));
	tcp_await_acknowledged(rig.end[RELAY_UPSTREAM]);
	if (part < len)
		say(data + part, sizeof(data) - part);
	/* The user need not wait until upstream ends it. */
	check_user(0, ECONNRESET);
	rig_join(&rig);
	ck_assert_int_eq(rig.relay.end, RELAY_RESET);
	ck_assert_int_eq(rig.relay.culprit, RELAY_UPSTREAM);
	ck_assert_int_eq(rig.relay.error, EACCES);
	ck_assert_uint_eq(rig.relay.bytes[RELAY_UPSTREAM], 0);
	ck_assert_uint_eq(rig.relay.answer.len, len);
	ck_assert_mem_eq(rig.relay.answer.bytes, data, len);
	ck_assert_uint_eq(answered, 0);
	close(rig.end[0]);
	close(rig.end[1]);
}
END_TEST

/* The bytes behind it are no stream that another process could go on with. */
START_TEST(a_refusal_leaves_no_bytes_to_a_relay_that_is_stopped)
{
	const struct relay_flow *flow = &rig.relay.flow[RELAY_UPSTREAM];

	is_stopped_meanwhile = true;
	start(tcp_family(0));
	say((const uint8_t *)"!no stream", 10);
	while (!atomic_load(&rig.relay.is_still))
		poll(NULL, 0, 1);
	ck_assert_int_eq(flow->stage, RELAY_ENDING);
	ck_assert_uint_eq(flow->rest.len, 0);
	relay_resume(&rig.relay);
	check_user(0, ECONNRESET);
	rig_join(&rig);
	ck_assert_int_eq(rig.relay.error, EACCES);
	close(rig.end[0]);
	close(rig.end[1]);
}
END_TEST

/* It might never read on: the user is reset all the same. */
START_TEST(a_refusal_ends_the_stream_to_an_upstream_that_is_not_gone)
{
	open_rig(tcp_family(0), SMALL);
	rig_start(&rig);
	tcp_fill(rig.end[0], 1, 0, UNLIMITED, 300);
	say_byte(33);
	rig_join(&rig);
	ck_assert_int_eq(rig.relay.end, RELAY_RESET);
	ck_assert_int_eq(rig.relay.error, EACCES);
	check_user(0, ECONNRESET);
	close(rig.end[0]);
	close(rig.end[1]);
}
END_TEST

/* A user who still sends meets the reset, which must not hide the answer. */
START_TEST(the_answer_is_read_although_upstream_is_gone)
{
	start(tcp_family(0));
	stop();
	say_byte(33);
	end_upstream(true);
	tcp_send(rig.end[0], 1, 0, 1000);
	relay_resume(&rig.relay);
	check_user(0, ECONNRESET);
	rig_join(&rig);
	ck_assert_int_eq(rig.relay.end, RELAY_RESET);
	ck_assert_int_eq(rig.relay.culprit, RELAY_UPSTREAM);
	ck_assert_uint_eq(rig.relay.answer.len, 1);
	ck_assert_uint_eq(rig.relay.answer.bytes[0], 33);
	close(rig.end[0]);
}
END_TEST

/* By a FIN or a reset, in the middle of an answer or before it. */
START_TEST(an_end_without_an_answer_is_a_reset)
{
	start(tcp_family(0));
	if (_i / 2 > 0)
		say_byte(LONG_ONE);
	end_upstream(_i % 2 > 0);
	check_user(0, ECONNRESET);
	finish(true);
	ck_assert(rig.relay.answer.is_awaited);
	ck_assert_uint_eq(rig.relay.answer.len, _i / 2);
	ck_assert_uint_eq(answered, 0);
}
END_TEST

/* Nothing is left to wait for: a refusal stands without the rest of it. */
START_TEST(a_refusal_whose_rest_does_not_come_resets_the_user)
{
	start(tcp_family(0));
	say((const uint8_t[]){ LONG_ONE, 1, 2, 3 }, _i ? 4 : 1);
	/* The user does not end it. */
	tcp_send(rig.end[0], 1, 0, 1000);
	check_user(0, ECONNRESET);
	rig_join(&rig);
	ck_assert_int_eq(rig.relay.end, RELAY_RESET);
	ck_assert_int_eq(rig.relay.culprit, RELAY_UPSTREAM);
	ck_assert_uint_eq(rig.relay.answer.len, _i ? 4 : 1);
	close(rig.end[0]);
	close(rig.end[1]);
}
END_TEST

START_TEST(a_user_may_end_the_stream_before_the_answer)
{
	uint8_t byte;

	start(tcp_family(0));
	tcp_send(rig.end[0], 1, 0, 1000);
	shutdown(rig.end[0], SHUT_WR);
	tcp_expect(rig.end[RELAY_UPSTREAM], 1, 0, 1000);
	ck_assert_int_eq(recv(rig.end[RELAY_UPSTREAM], &byte, 1, 0), 0);
	say_byte(ACCEPTS);
	tcp_send(rig.end[RELAY_UPSTREAM], 1, 0, 1000);
	end_upstream(false);
	check_user(1000, 0);
	rig_finish(&rig, RELAY_EOF);
	ck_assert_int_eq(rig.relay.culprit, RELAY_DOWNSTREAM);
}
END_TEST

START_TEST(a_relay_without_an_answer_forwards_each_byte)
{
	uint8_t byte = 0;

	signals_block();
	rig_open(&rig, tcp_family(0), 0, 0);
	rig_start(&rig);
	say_byte(ACCEPTS);
	ck_assert_int_eq(recv(rig.end[0], &byte, 1, 0), 1);
	ck_assert_int_eq(byte, ACCEPTS);
	end_upstream(false);
	check_user(0, 0);
	finish(false);
}
END_TEST

/* Before the answer, in its middle, and behind it. */
START_TEST(a_relay_that_was_stopped_still_awaits_the_rest)
{
	start(tcp_family(0));
	stop();
	relay_resume(&rig.relay);
	say_byte(_i ? LONG_ONE : ACCEPTS);
	tcp_await_acknowledged(rig.end[RELAY_UPSTREAM]);
	stop();
	relay_resume(&rig.relay);
	tcp_send(rig.end[RELAY_UPSTREAM], 1, 0, 8);
	if (_i == 0)
		end_upstream(false);
	check_user(_i ? 0 : 8, _i ? ECONNRESET : 0);
	if (_i == 0) {
		finish(false);
		return;
	}
	rig_join(&rig);
	ck_assert_int_eq(rig.relay.error, EACCES);
	ck_assert_uint_eq(rig.relay.answer.len, RELAY_ANSWER_MAX_LEN);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("relay_answer");
	TCase *answers = tcase_create("answers");

	tcase_add_loop_test(answers,
	    an_answer_that_accepts_is_no_part_of_the_stream, 0, COUNT(streams));
	tcase_add_loop_test(answers, an_answer_that_refuses_resets_the_user, 0,
	    COUNT(refusals));
	tcase_add_test(
	    answers, a_refusal_leaves_no_bytes_to_a_relay_that_is_stopped);
	tcase_add_test(
	    answers, a_refusal_ends_the_stream_to_an_upstream_that_is_not_gone);
	tcase_add_test(answers, the_answer_is_read_although_upstream_is_gone);
	tcase_add_loop_test(answers, an_end_without_an_answer_is_a_reset, 0, 4);
	tcase_add_loop_test(
	    answers, a_refusal_whose_rest_does_not_come_resets_the_user, 0, 2);
	tcase_add_test(answers, a_user_may_end_the_stream_before_the_answer);
	tcase_add_test(answers, a_relay_without_an_answer_forwards_each_byte);
	tcase_add_loop_test(
	    answers, a_relay_that_was_stopped_still_awaits_the_rest, 0, 2);
	suite_add_tcase(suite, answers);
	return suite;
}
