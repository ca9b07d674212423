#include "proxy/replay.h"

#include <stdlib.h>
#include <string.h>

#include "suite.h"

#define FULL (REPLAY_MAX_ROOM / 4 * 3)
#define NEW 0 /* milliseconds */

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

/* Takes over all that replay remembers, which goes on meanwhile. */
static void
hand_over_while(void (*goes_on)(void))
{
	size_t len;
	uint8_t *data = replay_describe(&replay, &len);

	if (goes_on)
		goes_on();
	ck_assert(replay_restore(&next, data, len));
	free(data);
}

static void
hand_over(void)
{
	hand_over_while(NULL);
}

static const uint64_t tags[] = { 0, 1, 2, UINT64_MAX, UINT64_C(1) << 63,
	UINT64_C(0x0123456789abcdef) };

START_TEST(a_request_is_new_once)
{
	/* 0 and 1 are the same to it. */
	ck_assert_int_eq(replay_check(&replay, tags[_i], NEW), REPLAY_NONE);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
		    replay_check(&replay, tags[_i], NEW), REPLAY_AGAIN);
	ck_assert_int_eq(replay_check(&replay, tags[_i] ^ 4, NEW), REPLAY_NONE);
}
END_TEST

START_TEST(nothing_is_lost_as_it_grows)
{
	for (uint64_t tag = 1; tag <= 10000; tag++)
		ck_assert_int_eq(
		    replay_check(&replay, tag << 40, NEW), REPLAY_NONE);
	for (uint64_t tag = 1; tag <= 10000; tag++)
		ck_assert_int_eq(
		    replay_check(&replay, tag << 40, NEW), REPLAY_AGAIN);
	ck_assert_uint_eq(replay.now.count, 10000);
	ck_assert_uint_eq(replay.now.room, 16384);
}
END_TEST

/* 120 s are the window before and after; a request is forgotten some day. */
START_TEST(a_request_is_remembered_for_as_long_as_its_time_can_pass)
{
	replay_check(&replay, 7, NEW);
	for (int seconds = 0; seconds < 120; seconds += 10) {
		pass(10 * 1000);
		ck_assert_int_eq(replay_check(&replay, 7, NEW), REPLAY_AGAIN);
	}
	pass(120 * 1000);
	ck_assert_int_eq(replay_check(&replay, 8, NEW), REPLAY_NONE);
	ck_assert_int_eq(replay_check(&replay, 7, NEW), REPLAY_AGAIN);
	pass(REPLAY_GENERATION_MS);
	ck_assert_int_eq(replay_check(&replay, 7, NEW), REPLAY_NONE);
	ck_assert_int_eq(replay_check(&replay, 8, NEW), REPLAY_AGAIN);
}
END_TEST

START_TEST(all_is_forgotten_after_a_long_pause)
{
	replay_check(&replay, 7, NEW);
	pass(2 * REPLAY_GENERATION_MS);
	ck_assert_int_eq(replay_check(&replay, 8, NEW), REPLAY_NONE);
	ck_assert_uint_eq(replay.before.count, 0);
	ck_assert_uint_eq(replay.before.room, 0);
}
END_TEST

START_TEST(a_request_from_before_the_start_is_refused)
{
	replay.since -= 1000;
	ck_assert_int_eq(replay_check(&replay, 7, 60000), REPLAY_EARLY);
	ck_assert_int_eq(replay_check(&replay, 7, 900), REPLAY_NONE);
	/* It is remembered, so it is told as what it is. */
	ck_assert_int_eq(replay_check(&replay, 7, 60000), REPLAY_AGAIN);
}
END_TEST

/*
 * Tags that differ in their highest bits only would all have one place, if that
 * were of the low bits of a product.
 */
START_TEST(nobody_can_fill_one_place)
{
	size_t away = 0;

	replay.mix = UINT64_C(0x9e3779b97f4a7c15);
	for (uint64_t tag = 1; tag <= 3000; tag++)
		replay_check(&replay, tag << 52, NEW);
	ck_assert_uint_eq(replay.now.room, 4096);
	for (size_t i = 0; i < replay.now.room; i++) {
		uint64_t place = replay.now.tags[i] * replay.mix >> 52;

		if (replay.now.tags[i] != 0 && place != i)
			away++;
	}
	ck_assert_uint_eq(away, 0);
}
END_TEST

START_TEST(a_full_generation_takes_no_more_until_the_next_one)
{
	for (uint64_t tag = 1; tag <= FULL; tag++)
		ck_assert_int_eq(replay_check(&replay, tag, NEW), REPLAY_NONE);
	ck_assert_int_eq(replay_check(&replay, FULL + 1, NEW), REPLAY_FULL);
	ck_assert_int_eq(replay_check(&replay, FULL, NEW), REPLAY_AGAIN);
	ck_assert(replay.was_full);
	pass(REPLAY_GENERATION_MS);
	ck_assert_int_eq(replay_check(&replay, FULL + 1, NEW), REPLAY_NONE);
	ck_assert_int_eq(replay_check(&replay, FULL, NEW), REPLAY_AGAIN);
	ck_assert(!replay.was_full);
}
END_TEST

START_TEST(the_next_process_remembers_both_generations_and_their_age)
{
	replay.since -= 1000;
	replay_check(&replay, 7, NEW);
	pass(REPLAY_GENERATION_MS);
	replay_check(&replay, 8, NEW);
	pass(1000);
	hand_over();
	ck_assert_int_eq(next.began, replay.began);
	ck_assert_int_eq(replay_check(&next, 7, NEW), REPLAY_AGAIN);
	ck_assert_int_eq(replay_check(&next, 8, NEW), REPLAY_AGAIN);
	ck_assert_int_eq(replay_check(&next, 9, 900), REPLAY_NONE);
	ck_assert_uint_eq(next.before.count, 1);
	/* What comes later in the old process is added. */
	replay_check(&replay, 10, NEW);
	hand_over();
	ck_assert_int_eq(replay_check(&next, 10, NEW), REPLAY_AGAIN);
	ck_assert_int_eq(replay_check(&next, 9, NEW), REPLAY_AGAIN);
}
END_TEST

static void
begin_generation(void)
{
	pass(REPLAY_GENERATION_MS);
	replay_check(&replay, 10, NEW);
}

START_TEST(a_generation_that_begins_meanwhile_takes_nothing_along)
{
	replay_check(&replay, 7, NEW);
	begin_generation();
	replay_check(&replay, 8, NEW);
	hand_over_while(begin_generation);
	ck_assert_uint_eq(replay.before.count, 2);
	ck_assert_int_eq(replay_check(&next, 7, NEW), REPLAY_AGAIN);
	ck_assert_int_eq(replay_check(&next, 8, NEW), REPLAY_AGAIN);
	ck_assert_int_eq(replay_check(&next, 10, NEW), REPLAY_AGAIN);
}
END_TEST

/* It is due, but no request has come yet that begins it. */
START_TEST(a_generation_that_is_due_begins_before_the_hand_over)
{
	replay_check(&replay, 7, NEW);
	pass(REPLAY_GENERATION_MS);
	hand_over();
	ck_assert_uint_eq(next.before.count, 1);
	ck_assert_uint_eq(next.now.count, 0);
	ck_assert_int_eq(next.began, replay.began);
}
END_TEST

/* The old process began its generation later, and sent a tag of its end. */
START_TEST(nothing_is_forgotten_earlier_than_in_the_old_process)
{
	hand_over();
	next.began -= 4000;
	begin_generation();
	hand_over();
	ck_assert_int_eq(next.began, replay.began);
}
END_TEST

START_TEST(an_empty_memory_is_handed_over_too)
{
	replay.since -= 1000;
	hand_over();
	ck_assert_int_eq(next.since, replay.since);
}
END_TEST

START_TEST(a_record_that_makes_no_sense_is_refused)
{
	size_t len;
	uint8_t *data, *copy;
	struct replay_record record;

	replay_check(&replay, 7, NEW);
	data = replay_describe(&replay, &len);
	for (size_t part = 0; part < len; part++) {
		copy = malloc(part ? part : 1);
		memcpy(copy, data, part);
		ck_assert(!replay_restore(&next, copy, part));
		free(copy);
	}
	memcpy(&record, data, sizeof(record));
	record.now_count = UINT64_C(1) << 61 | 1;
	memcpy(data, &record, sizeof(record));
	ck_assert(!replay_restore(&next, data, len));
	record.before_count = UINT64_MAX;
	record.now_count = 2;
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
	tcase_add_test(memory, nobody_can_fill_one_place);
	tcase_add_test(
	    memory, a_full_generation_takes_no_more_until_the_next_one);
	suite_add_tcase(suite, memory);

	tcase_add_checked_fixture(handover, start, finish);
	tcase_add_test(handover,
	    the_next_process_remembers_both_generations_and_their_age);
	tcase_add_test(
	    handover, a_generation_that_begins_meanwhile_takes_nothing_along);
	tcase_add_test(
	    handover, a_generation_that_is_due_begins_before_the_hand_over);
	tcase_add_test(
	    handover, nothing_is_forgotten_earlier_than_in_the_old_process);
	tcase_add_test(handover, an_empty_memory_is_handed_over_too);
	tcase_add_test(handover, a_record_that_makes_no_sense_is_refused);
	suite_add_tcase(suite, handover);
	return suite;
}
