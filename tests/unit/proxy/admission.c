#include "proxy/admission.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/deadline.h"
#include "suite.h"

#define THREADS 8
#define ROUNDS 1000

static struct admission admission;

static void
init_admission(void)
{
	/* Nothing may count on what was there before. */
	memset(&admission, 0xff, sizeof(admission));
	admission_init(&admission);
}

START_TEST(numbers_count_from_one_and_are_never_used_again)
{
	ck_assert_uint_eq(admission_enter(&admission), 1);
	ck_assert_uint_eq(admission_enter(&admission), 2);
	admission_leave(&admission);
	admission_leave(&admission);
	ck_assert_uint_eq(admission_enter(&admission), 3);
	admission_leave(&admission);
}
END_TEST

START_TEST(the_live_ones_are_counted)
{
	ck_assert_uint_eq(admission_live(&admission), 0);
	admission_enter(&admission);
	admission_enter(&admission);
	ck_assert_uint_eq(admission_live(&admission), 2);
	admission_leave(&admission);
	ck_assert_uint_eq(admission_live(&admission), 1);
	admission_leave(&admission);
	ck_assert_uint_eq(admission_live(&admission), 0);
}
END_TEST

START_TEST(nobody_waits_while_there_are_no_connections)
{
	ck_assert_uint_eq(admission_wait(&admission, 0, DEADLINE_NEVER), 0);
	ck_assert_uint_eq(admission_wait(&admission, 0, deadline_now()), 0);
}
END_TEST

START_TEST(nobody_waits_for_as_many_as_may_be_left)
{
	admission_enter(&admission);
	admission_enter(&admission);
	ck_assert_uint_eq(admission_wait(&admission, 2, DEADLINE_NEVER), 2);
	ck_assert_uint_eq(admission_wait(&admission, 3, DEADLINE_NEVER), 2);
}
END_TEST

START_TEST(a_wait_ends_at_its_deadline_and_not_before)
{
	int64_t deadline = deadline_after(100);

	admission_enter(&admission);
	ck_assert_uint_eq(admission_wait(&admission, 0, deadline), 1);
	ck_assert_int_ge(deadline_now(), deadline);
	ck_assert_int_lt(deadline_now(), deadline + 10000);
}
END_TEST

START_TEST(a_deadline_in_the_past_is_no_wait)
{
	admission_enter(&admission);
	ck_assert_uint_eq(admission_wait(&admission, 0, 1), 1);
	ck_assert_uint_eq(admission_wait(&admission, 0, deadline_now() - 1), 1);
}
END_TEST

struct wait {
	size_t live;
	int64_t deadline;
	size_t left;
};

static void *
run_wait(void *argument)
{
	struct wait *wait = argument;

	wait->left = admission_wait(&admission, wait->live, wait->deadline);
	return NULL;
}

/* With and without a limit. */
START_TEST(whoever_waits_is_woken_by_the_last_to_leave)
{
	struct wait wait = { .live = 1, .left = 99 };
	pthread_t thread;

	wait.deadline = _i ? DEADLINE_NEVER : deadline_after(600000);
	for (int i = 0; i < 3; i++)
		admission_enter(&admission);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_wait, &wait), 0);
	admission_leave(&admission);
	admission_leave(&admission);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(wait.left, 1);
}
END_TEST

/* One leaving must wake both, in whatever order they came to wait. */
START_TEST(all_who_wait_are_woken)
{
	for (int i = 0; i < 500; i++) {
		struct wait waits[2];
		pthread_t threads[2];

		admission_enter(&admission);
		for (int j = 0; j < 2; j++) {
			waits[j] = (struct wait){ 0, DEADLINE_NEVER, 99 };
			ck_assert_int_eq(pthread_create(&threads[j], NULL,
					     run_wait, &waits[j]),
			    0);
		}
		for (int j = 0; j < i % 10; j++)
			sched_yield();
		admission_leave(&admission);
		for (int j = 0; j < 2; j++) {
			pthread_join(threads[j], NULL);
			ck_assert_uint_eq(waits[j].left, 0);
		}
	}
}
END_TEST

struct visitor {
	pthread_t thread;
	uint64_t numbers[ROUNDS];
};

static void *
run_visitor(void *argument)
{
	struct visitor *visitor = argument;

	for (int i = 0; i < ROUNDS; i++) {
		visitor->numbers[i] = admission_enter(&admission);
		admission_leave(&admission);
	}
	return NULL;
}

START_TEST(many_threads_are_counted_right_and_share_no_number)
{
	static struct visitor visitors[THREADS];
	static bool seen[THREADS * ROUNDS + 1];

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&visitors[i].thread, NULL,
				     run_visitor, &visitors[i]),
		    0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(visitors[i].thread, NULL);
	for (int i = 0; i < THREADS * ROUNDS; i++) {
		uint64_t number = visitors[i / ROUNDS].numbers[i % ROUNDS];

		ck_assert_uint_ge(number, 1);
		ck_assert_uint_le(number, THREADS * ROUNDS);
		ck_assert(!seen[number]);
		seen[number] = true;
	}
	ck_assert_uint_eq(admission_live(&admission), 0);
}
END_TEST

static atomic_int rooms;

static void *
run_await_room(void *argument)
{
	(void)argument;
	while (admission_await_room(&admission)) {
		admission_enter(&admission);
		atomic_fetch_add(&rooms, 1);
	}
	return NULL;
}

/* Each who leaves, and a limit that is raised, let in as many as fit. */
START_TEST(there_are_never_more_than_the_limit)
{
	pthread_t threads[THREADS];

	admission_set_limit(&admission, 2);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, run_await_room, NULL), 0);
	for (int i = 2; i < 100; i++) {
		while (atomic_load(&rooms) < i)
			sched_yield();
		ck_assert_uint_eq(admission_live(&admission), 2);
		admission_leave(&admission);
	}
	admission_set_limit(&admission, 5);
	while (atomic_load(&rooms) < 104 - 1)
		sched_yield();
	ck_assert_uint_eq(admission_live(&admission), 5);
	admission_close(&admission);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

/* Whoever waits in admission_enter() comes in, with what it has accepted. */
START_TEST(nobody_waits_for_room_once_it_is_closed)
{
	admission_set_limit(&admission, 1);
	admission_enter(&admission);
	admission_close(&admission);
	ck_assert(!admission_await_room(&admission));
	ck_assert_uint_eq(admission_enter(&admission), 2);
}
END_TEST

START_TEST(that_it_is_full_is_noted_once_each_time)
{
	admission_set_limit(&admission, 16);
	for (unsigned times = 1; times <= 3; times++) {
		while (admission_live(&admission) < 16) {
			ck_assert_uint_eq(admission_note_full(&admission), 0);
			admission_enter(&admission);
		}
		ck_assert_uint_eq(admission_note_full(&admission), times);
		ck_assert_uint_eq(admission_note_full(&admission), 0);
		/* That was not the end of it. */
		admission_leave(&admission);
		admission_leave(&admission);
		admission_enter(&admission);
		admission_enter(&admission);
		ck_assert_uint_eq(admission_note_full(&admission), 0);
		for (int i = 0; i < 3; i++)
			admission_leave(&admission);
	}
}
END_TEST

/* A connection that sends no request, as a worker serves it. */
static struct silent {
	int fd[2]; /* the worker's, the peer's */
	struct handshake handshake;
} silent;

static void
begin_one(struct silent *one)
{
	union address peer;

	ck_assert(address_parse("192.0.2.1", &peer));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, one->fd), 0);
	admission_enter(&admission);
	admission_begin_handshake(
	    &admission, &one->handshake, one->fd[0], &peer);
}

static void
begin_silent(void)
{
	begin_one(&silent);
}

static void *
run_silent(void *argument)
{
	char byte;

	(void)argument;
	begin_silent();
	ck_assert_int_eq(recv(silent.fd[0], &byte, 1, 0), 0);
	ck_assert(admission_end_handshake(&admission, &silent.handshake));
	admission_leave(&admission);
	return NULL;
}

/* Also when it starts to wait after the other has begun to wait for room. */
START_TEST(whoever_sends_no_request_makes_room_for_others)
{
	int64_t began = deadline_now();
	pthread_t thread;

	admission_set_limit(&admission, 1);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_silent, NULL), 0);
	while (admission_live(&admission) == 0)
		sched_yield();
	ck_assert(admission_await_room(&admission));
	ck_assert_int_ge(deadline_now(), began + ADMISSION_GRACE_MS);
	ck_assert_uint_eq(admission_live(&admission), 0);
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(whoever_has_sent_the_request_is_left_alone)
{
	admission_set_limit(&admission, 1);
	begin_silent();
	ck_assert(!admission_end_handshake(&admission, &silent.handshake));
	admission_leave(&admission);
	ck_assert(admission_await_room(&admission));
	ck_assert_int_eq(send(silent.fd[1], "x", 1, MSG_NOSIGNAL), 1);
}
END_TEST

/* It leaves room for more than half of the connections. */
START_TEST(nobody_is_cut_off_while_there_is_room)
{
	admission_set_limit(&admission, 2);
	begin_silent();
	silent.handshake.began -= 10L * ADMISSION_GRACE_MS;
	ck_assert(admission_await_room(&admission));
	ck_assert(!admission_end_handshake(&admission, &silent.handshake));
}
END_TEST

/* With a limit of 1 half of it is none, but then the one is all there is. */
static const struct {
	size_t limit, pending; /* so many are fine, one more is too many */
} halves[] = { { 2, 1 }, { 3, 1 }, { 4, 2 }, { 5, 2 }, { 8, 4 }, { 9, 4 } };

/* One that has sent its request does not count. */
START_TEST(half_of_the_limit_may_be_pending)
{
	static struct silent pending[10];

	admission_set_limit(&admission, halves[_i].limit);
	for (size_t i = 0; i < halves[_i].pending; i++) {
		ck_assert(admission_has_room(&admission));
		begin_one(&pending[i]);
	}
	if (halves[_i].limit > 2) {
		ck_assert(admission_has_room(&admission));
		begin_one(&pending[halves[_i].pending]);
		ck_assert(!admission_has_room(&admission));
		ck_assert(!admission_end_handshake(
		    &admission, &pending[0].handshake));
	}
	ck_assert(admission_has_room(&admission));
	admission_enter(&admission);
}
END_TEST

static void *
run_room(void *argument)
{
	(void)argument;
	return (void *)(uintptr_t)admission_await_room(&admission);
}

/* Until that thread of this process sleeps, as only in its wait it does. */
static void
await_sleep(const atomic_int *thread)
{
	char path[64], state = '?';

	while (state != 'S') {
		FILE *file;

		sched_yield();
		sprintf(path, "/proc/self/task/%d/stat", *thread);
		file = fopen(path, "r");
		if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
			state = '?';
		if (file)
			fclose(file);
	}
}

static atomic_int waiter;

static void *
run_noted_room(void *argument)
{
	waiter = (int)syscall(SYS_gettid);
	return run_room(argument);
}

/*
 * Nothing else would: nobody leaves, and no pending one is old enough to be cut
 * off in the lifetime of this test.
 */
START_TEST(whoever_waits_for_fewer_pending_ones_is_woken_by_a_request)
{
	static struct silent pending[5];
	pthread_t thread;
	void *had_room;

	admission_set_limit(&admission, 8);
	for (int i = 0; i < 5; i++) {
		begin_one(&pending[i]);
		pending[i].handshake.began += 1000L * 3600 * 24;
	}
	ck_assert(!admission_has_room(&admission));
	ck_assert_int_eq(
	    pthread_create(&thread, NULL, run_noted_room, NULL), 0);
	while (!waiter)
		sched_yield();
	await_sleep(&waiter);
	ck_assert(!admission_end_handshake(&admission, &pending[4].handshake));
	pthread_join(thread, &had_room);
	ck_assert_ptr_nonnull(had_room);
}
END_TEST

/* As one is allowed, it is the limit itself that has no room. */
START_TEST(the_only_one_that_is_pending_makes_room_for_others)
{
	pthread_t thread;
	void *had_room;

	admission_set_limit(&admission, 2);
	admission_enter(&admission);
	begin_silent();
	silent.handshake.began -= 10L * ADMISSION_GRACE_MS;
	ck_assert_int_eq(pthread_create(&thread, NULL, run_room, NULL), 0);
	while (recv(silent.fd[0], &(char){ 0 }, 1, 0) != 0) {
	}
	ck_assert(admission_end_handshake(&admission, &silent.handshake));
	admission_leave(&admission);
	pthread_join(thread, &had_room);
	ck_assert_ptr_nonnull(had_room);
}
END_TEST

/* Once: as soon as it has noticed, there is room. */
START_TEST(no_more_are_cut_off_than_it_takes)
{
	static struct silent pending[2];
	pthread_t thread;
	void *had_room;

	admission_set_limit(&admission, 4);
	for (int i = 0; i < 2; i++) {
		begin_one(&pending[i]);
		pending[i].handshake.began -= 10L * ADMISSION_GRACE_MS;
	}
	admission_set_limit(&admission, 2);
	ck_assert_int_eq(
	    pthread_create(&thread, NULL, run_noted_room, NULL), 0);
	while (!waiter)
		sched_yield();
	while (admission_live(&admission) == 2 && pending[0].handshake.fd >= 0)
		sched_yield();
	await_sleep(&waiter);
	ck_assert(admission_end_handshake(&admission, &pending[0].handshake));
	ck_assert_int_ge(pending[1].handshake.fd, 0);
	admission_leave(&admission);
	pthread_join(thread, &had_room);
	ck_assert_ptr_nonnull(had_room);
	ck_assert(!admission_end_handshake(&admission, &pending[1].handshake));
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("admission");
	TCase *count = tcase_create("count");
	TCase *wait = tcase_create("wait");
	TCase *room = tcase_create("room");

	tcase_add_checked_fixture(count, init_admission, NULL);
	tcase_add_test(count, numbers_count_from_one_and_are_never_used_again);
	tcase_add_test(count, the_live_ones_are_counted);
	tcase_add_test(
	    count, many_threads_are_counted_right_and_share_no_number);
	suite_add_tcase(suite, count);

	tcase_add_checked_fixture(wait, init_admission, NULL);
	tcase_add_test(wait, nobody_waits_while_there_are_no_connections);
	tcase_add_test(wait, nobody_waits_for_as_many_as_may_be_left);
	tcase_add_test(wait, a_wait_ends_at_its_deadline_and_not_before);
	tcase_add_test(wait, a_deadline_in_the_past_is_no_wait);
	tcase_add_loop_test(
	    wait, whoever_waits_is_woken_by_the_last_to_leave, 0, 2);
	tcase_add_test(wait, all_who_wait_are_woken);
	suite_add_tcase(suite, wait);

	tcase_add_checked_fixture(room, init_admission, NULL);
	tcase_add_test(room, there_are_never_more_than_the_limit);
	tcase_add_test(room, nobody_waits_for_room_once_it_is_closed);
	tcase_add_test(room, that_it_is_full_is_noted_once_each_time);
	tcase_add_test(room, whoever_sends_no_request_makes_room_for_others);
	tcase_add_test(room, whoever_has_sent_the_request_is_left_alone);
	tcase_add_test(room, nobody_is_cut_off_while_there_is_room);
	tcase_add_loop_test(
	    room, half_of_the_limit_may_be_pending, 0, COUNT(halves));
	tcase_add_test(
	    room, whoever_waits_for_fewer_pending_ones_is_woken_by_a_request);
	tcase_add_test(
	    room, the_only_one_that_is_pending_makes_room_for_others);
	tcase_add_test(room, no_more_are_cut_off_than_it_takes);
	suite_add_tcase(suite, room);
	return suite;
}
