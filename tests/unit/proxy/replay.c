#include "proxy/replay.h"

#include <stdlib.h>
#include <string.h>

#include "suite.h"

#define FULL (REPLAY_MAX_ROOM / 4 * 3)
#define LATER UINT64_MAX /* a time that is not known */

static struct replay replay, next;

static void
start(void)
{
	replay_init(&replay);
	replay_init(&next);
}

static void
empty(struct replay *one)
{
	free(one->now.tags);
	free(one->before.tags);
}

static void
finish(void)
{
	empty(&replay);
	empty(&next);
}

/* As if that time had passed. */
static void
pass(int64_t ms)
{
	replay.began -= ms;
}

/* Takes over all that replay remembers. */
static void
hand_over(void)
{
	for (int is_before = 1; is_before >= 0; is_before--) {
		size_t len;
		uint8_t *data = replay_describe(&replay, is_before, &len);

		ck_assert(replay_restore(&next, data, len));
		free(data);
	}
}

static const uint64_t tags[] = { 0, 1, 2, UINT64_MAX, UINT64_C(1) << 63,
	UINT64_C(0x0123456789abcdef) };

START_TEST(a_request_is_new_once)
{
	/* 0 and 1 are the same to it. */
	ck_assert_int_eq(replay_check(&replay, tags[_i], LATER), REPLAY_NONE);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
		    replay_check(&replay, tags[_i], LATER), REPLAY_AGAIN);
	ck_assert_int_eq(
	    replay_check(&replay, tags[_i] ^ 4, LATER), REPLAY_NONE);
}
END_TEST

START_TEST(nothing_is_lost_as_it_grows)
{
	for (uint64_t tag = 1; tag <= 10000; tag++)
		ck_assert_int_eq(
		    replay_check(&replay, tag << 40, LATER), REPLAY_NONE);
	for (uint64_t tag = 1; tag <= 10000; tag++)
		ck_assert_int_eq(
		    replay_check(&replay, tag << 40, LATER), REPLAY_AGAIN);
	ck_assert_uint_eq(replay.now.count, 10000);
	ck_assert_uint_eq(replay.now.room, 16384);
}
END_TEST

/* 120 s are the window before and after; a request is forgotten some day. */
START_TEST(a_request_is_remembered_for_as_long_as_its_time_can_pass)
{
	replay_check(&replay, 7, LATER);
	for (int seconds = 0; seconds < 120; seconds += 10) {
		pass(10 * 1000);
		ck_assert_int_eq(replay_check(&replay, 7, LATER), REPLAY_AGAIN);
	}
	pass(120 * 1000);
	ck_assert_int_eq(replay_check(&replay, 8, LATER), REPLAY_NONE);
	ck_assert_int_eq(replay_check(&replay, 7, LATER), REPLAY_AGAIN);
	pass(REPLAY_GENERATION_MS);
	ck_assert_int_eq(replay_check(&replay, 7, LATER), REPLAY_NONE);
	ck_assert_int_eq(replay_check(&replay, 8, LATER), REPLAY_AGAIN);
}
END_TEST

START_TEST(all_is_forgotten_after_a_long_pause)
{
	replay_check(&replay, 7, LATER);
	pass(2 * REPLAY_GENERATION_MS);
	ck_assert_int_eq(replay_check(&replay, 8, LATER), REPLAY_NONE);
	ck_assert_uint_eq(replay.before.count, 0);
	ck_assert_uint_eq(replay.before.room, 0);
}
END_TEST

START_TEST(a_request_from_before_the_start_is_refused)
{
	uint64_t start_ms = replay.since_ms;

	ck_assert_int_eq(replay_check(&replay, 7, start_ms - 1), REPLAY_EARLY);
	ck_assert_int_eq(replay_check(&replay, 7, start_ms), REPLAY_NONE);
	/* It is remembered, so it is told as what it is. */
	ck_assert_int_eq(replay_check(&replay, 7, start_ms - 1), REPLAY_AGAIN);
}
END_TEST

/* The clock of a host is often ahead until it asks an NTP server. */
START_TEST(the_start_is_forgotten_with_the_first_generation)
{
	uint64_t start_ms = replay.since_ms;

	pass(REPLAY_GENERATION_MS);
	ck_assert_int_eq(
	    replay_check(&replay, 7, start_ms - 3600000), REPLAY_NONE);
}
END_TEST

START_TEST(a_full_generation_takes_no_more_until_the_next_one)
{
	for (uint64_t tag = 1; tag <= FULL; tag++)
		ck_assert_int_eq(
		    replay_check(&replay, tag, LATER), REPLAY_NONE);
	ck_assert_int_eq(replay_check(&replay, FULL + 1, LATER), REPLAY_FULL);
	ck_assert_int_eq(replay_check(&replay, FULL, LATER), REPLAY_AGAIN);
	ck_assert(replay.was_full);
	pass(REPLAY_GENERATION_MS);
	ck_assert_int_eq(replay_check(&replay, FULL + 1, LATER), REPLAY_NONE);
	ck_assert_int_eq(replay_check(&replay, FULL, LATER), REPLAY_AGAIN);
	ck_assert(!replay.was_full);
}
END_TEST

START_TEST(the_next_process_remembers_both_generations_and_their_age)
{
	uint64_t time_ms = replay.since_ms;

	next.since_ms = time_ms + 1000;
	next.began += 1000;
	replay_check(&replay, 7, LATER);
	pass(REPLAY_GENERATION_MS);
	replay_check(&replay, 8, LATER);
	hand_over();
	ck_assert_int_eq(next.began, replay.began);
	ck_assert_int_eq(replay_check(&next, 7, LATER), REPLAY_AGAIN);
	ck_assert_int_eq(replay_check(&next, 8, LATER), REPLAY_AGAIN);
	ck_assert_int_eq(replay_check(&next, 9, time_ms), REPLAY_NONE);
	ck_assert_uint_eq(next.before.count, 1);
	/* What comes later in the old process is added. */
	replay_check(&replay, 10, LATER);
	hand_over();
	ck_assert_int_eq(replay_check(&next, 10, LATER), REPLAY_AGAIN);
	ck_assert_int_eq(replay_check(&next, 9, LATER), REPLAY_AGAIN);
}
END_TEST

START_TEST(an_empty_memory_is_handed_over_too)
{
	next.since_ms++;
	hand_over();
	ck_assert_uint_eq(next.since_ms, replay.since_ms);
}
END_TEST

START_TEST(a_record_that_makes_no_sense_is_refused)
{
	size_t len;
	uint8_t *data, *copy;
	struct replay_record record;

	replay_check(&replay, 7, LATER);
	data = replay_describe(&replay, false, &len);
	for (size_t part = 0; part < len; part++) {
		copy = malloc(part ? part : 1);
		memcpy(copy, data, part);
		ck_assert(!replay_restore(&next, copy, part));
		free(copy);
	}
	memcpy(&record, data, sizeof(record));
	record.count = UINT64_C(1) << 61 | 1;
	memcpy(data, &record, sizeof(record));
	ck_assert(!replay_restore(&next, data, len));
	free(data);
	ck_assert_uint_eq(next.now.count, 0);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("replay");
	TCase *memory = tcase_create("memory");
	TCase *handover = tcase_create("handover");

	tcase_add_checked_fixture(memory, start, finish);
	tcase_add_loop_test(memory, a_request_is_new_once, 0, COUNT(tags));
	tcase_add_test(memory, nothing_is_lost_as_it_grows);
	tcase_add_test(
	    memory, a_request_is_remembered_for_as_long_as_its_time_can_pass);
	tcase_add_test(memory, all_is_forgotten_after_a_long_pause);
	tcase_add_test(memory, a_request_from_before_the_start_is_refused);
	tcase_add_test(
	    memory, the_start_is_forgotten_with_the_first_generation);
	tcase_add_test(
	    memory, a_full_generation_takes_no_more_until_the_next_one);
	suite_add_tcase(suite, memory);

	tcase_add_checked_fixture(handover, start, finish);
	tcase_add_test(handover,
	    the_next_process_remembers_both_generations_and_their_age);
	tcase_add_test(handover, an_empty_memory_is_handed_over_too);
	tcase_add_test(handover, a_record_that_makes_no_sense_is_refused);
	suite_add_tcase(suite, handover);
	return suite;
}
