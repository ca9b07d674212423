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
	/* The code must not rely on zeroed memory. */
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

START_TEST(live_connections_are_counted)
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

START_TEST(a_wait_for_the_number_that_is_left_returns_at_once)
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
START_TEST(a_waiter_is_woken_by_the_last_connection_that_leaves)
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

/* One that leaves must wake both waiters, whichever began to wait first. */
START_TEST(all_waiters_are_woken)
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

START_TEST(many_threads_are_counted_and_get_numbers_of_their_own)
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

/* Leaving, and a higher limit, let in as many as fit. */
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

/*
 * An acceptor that waits in admission_enter() has a connection already: it
 * enters.
 */
START_TEST(no_acceptor_waits_for_room_after_the_close)
{
	admission_set_limit(&admission, 1);
	admission_enter(&admission);
	admission_close(&admission);
	ck_assert(!admission_await_room(&admission));
	ck_assert_uint_eq(admission_enter(&admission), 2);
}
END_TEST

START_TEST(a_full_admission_is_noted_once_each_time)
{
	admission_set_limit(&admission, 16);
	for (unsigned times = 1; times <= 3; times++) {
		while (admission_live(&admission) < 16) {
			ck_assert_uint_eq(admission_note_full(&admission), 0);
			admission_enter(&admission);
		}
		ck_assert_uint_eq(admission_note_full(&admission), times);
		ck_assert_uint_eq(admission_note_full(&admission), 0);
		/* Not enough have left: it is still the same time. */
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

/* A connection that sends no request, as its worker sees it. */
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

/* Also if its handshake begins after the other has begun to wait for room. */
START_TEST(a_connection_without_a_request_is_evicted)
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

START_TEST(a_connection_with_a_request_is_not_evicted)
{
	admission_set_limit(&admission, 1);
	begin_silent();
	ck_assert(!admission_end_handshake(&admission, &silent.handshake));
	admission_leave(&admission);
	ck_assert(admission_await_room(&admission));
	ck_assert_int_eq(send(silent.fd[1], "x", 1, MSG_NOSIGNAL), 1);
}
END_TEST

/* Fewer than half of the limit are pending. */
START_TEST(nothing_is_evicted_while_there_is_room)
{
	admission_set_limit(&admission, 2);
	begin_silent();
	silent.handshake.began -= 10L * ADMISSION_GRACE_MS;
	ck_assert(admission_await_room(&admission));
	ck_assert(!admission_end_handshake(&admission, &silent.handshake));
}
END_TEST

/* With a limit of 1, half of it is 0, but the limit itself allows one. */
static const struct {
	size_t limit,
	    pending; /* that many may be pending, one more is too many */
} halves[] = { { 2, 1 }, { 3, 1 }, { 4, 2 }, { 5, 2 }, { 8, 4 }, { 9, 4 } };

/* A connection that has sent its request does not count. */
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

/*
 * Waits until that thread of this process sleeps: it does so only in its wait.
 */
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
 * Nothing else would wake it: nothing leaves, and no pending connection is old
 * enough for an eviction during this test.
 */
START_TEST(a_waiter_is_woken_by_the_request_of_a_pending_connection)
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

/*
 * One pending connection is allowed, so it is the limit itself that leaves no
 * room.
 */
START_TEST(the_only_pending_connection_is_evicted)
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

/* Its worker is late, not its peer. */
START_TEST(a_request_that_waits_for_its_worker_is_not_evicted)
{
	pthread_t thread;
	void *had_room;

	admission_set_limit(&admission, 1);
	begin_silent();
	silent.handshake.began -= 10L * ADMISSION_GRACE_MS;
	ck_assert_int_eq(send(silent.fd[1], "x", 1, MSG_NOSIGNAL), 1);
	ck_assert_int_eq(
	    pthread_create(&thread, NULL, run_noted_room, NULL), 0);
	while (!waiter)
		sched_yield();
	await_sleep(&waiter);
	ck_assert(!admission_end_handshake(&admission, &silent.handshake));
	admission_leave(&admission);
	pthread_join(thread, &had_room);
	ck_assert_ptr_nonnull(had_room);
}
END_TEST

/* One byte does not keep a place. */
START_TEST(a_part_of_a_request_is_evicted_once_it_is_read)
{
	pthread_t thread;
	char byte;

	admission_set_limit(&admission, 1);
	begin_silent();
	silent.handshake.began -= 10L * ADMISSION_GRACE_MS;
	ck_assert_int_eq(send(silent.fd[1], "x", 1, MSG_NOSIGNAL), 1);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_room, NULL), 0);
	ck_assert_int_eq(recv(silent.fd[0], &byte, 1, 0), 1);
	ck_assert_int_eq(recv(silent.fd[0], &byte, 1, 0), 0);
	ck_assert(admission_end_handshake(&admission, &silent.handshake));
	admission_leave(&admission);
	pthread_join(thread, NULL);
}
END_TEST

/* One eviction is enough: there is room once its worker has noticed. */
START_TEST(no_more_are_evicted_than_needed)
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
	tcase_add_test(count, live_connections_are_counted);
	tcase_add_test(
	    count, many_threads_are_counted_and_get_numbers_of_their_own);
	suite_add_tcase(suite, count);

	tcase_add_checked_fixture(wait, init_admission, NULL);
	tcase_add_test(wait, nobody_waits_while_there_are_no_connections);
	tcase_add_test(
	    wait, a_wait_for_the_number_that_is_left_returns_at_once);
	tcase_add_test(wait, a_wait_ends_at_its_deadline_and_not_before);
	tcase_add_test(wait, a_deadline_in_the_past_is_no_wait);
	tcase_add_loop_test(
	    wait, a_waiter_is_woken_by_the_last_connection_that_leaves, 0, 2);
	tcase_add_test(wait, all_waiters_are_woken);
	suite_add_tcase(suite, wait);

	tcase_add_checked_fixture(room, init_admission, NULL);
	tcase_add_test(room, there_are_never_more_than_the_limit);
	tcase_add_test(room, no_acceptor_waits_for_room_after_the_close);
	tcase_add_test(room, a_full_admission_is_noted_once_each_time);
	tcase_add_test(room, a_connection_without_a_request_is_evicted);
	tcase_add_test(room, a_connection_with_a_request_is_not_evicted);
	tcase_add_test(room, nothing_is_evicted_while_there_is_room);
	tcase_add_loop_test(
	    room, half_of_the_limit_may_be_pending, 0, COUNT(halves));
	tcase_add_test(
	    room, a_waiter_is_woken_by_the_request_of_a_pending_connection);
	tcase_add_test(room, the_only_pending_connection_is_evicted);
	tcase_add_test(
	    room, a_request_that_waits_for_its_worker_is_not_evicted);
	tcase_add_test(room, a_part_of_a_request_is_evicted_once_it_is_read);
	tcase_add_test(room, no_more_are_evicted_than_needed);
	suite_add_tcase(suite, room);
	return suite;
}
