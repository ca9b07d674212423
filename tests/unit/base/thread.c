#include "base/thread.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/futex.h"
#include "suite.h"

#define MANY 50

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

/* Replaces futex.c: decides the fate of a parked thread. */
static _Atomic enum {
	WAITS,   /* until it is called */
	IS_LATE, /* the same, but its time is over when it is */
	GIVES_UP,
} parking;

/* What the threads wait for that began last. */
static _Atomic(atomic_uint *) waits[MANY];
static atomic_int wait_count;

bool
futex_wait(atomic_uint *word, unsigned value, int64_t deadline)
{
	ck_assert_int_gt(deadline, 0);
	if (parking != GIVES_UP) {
		waits[wait_count++ % MANY] = word;
		syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL);
	}
	return parking == WAITS;
}

void
futex_wake(atomic_uint *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1);
}

/* The observations of a task about its thread, and its permission to end. */
struct task {
	pthread_t thread;
	size_t stack_size;
	int detach_state;
	sigset_t blocked;
	sem_t looked, may_end;
};

/* Threads that have run a task and have not ended. */
static atomic_int alive;
static pthread_key_t key;

static void
count_end(void *value)
{
	(void)value;
	alive--;
}

static void
note_thread(void)
{
	if (pthread_getspecific(key))
		return;
	pthread_setspecific(key, &alive);
	alive++;
}

static void
look_around(void *argument)
{
	struct task *task = argument;
	pthread_attr_t attributes;

	note_thread();
	task->thread = pthread_self();
	pthread_getattr_np(pthread_self(), &attributes);
	pthread_attr_getstacksize(&attributes, &task->stack_size);
	pthread_attr_getdetachstate(&attributes, &task->detach_state);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_BLOCK, NULL, &task->blocked);
	sem_post(&task->looked);
	sem_wait(&task->may_end);
}

static struct task tasks[MANY];

static void
open_tasks(void)
{
	pthread_key_create(&key, count_end);
	for (int i = 0; i < MANY; i++) {
		sem_init(&tasks[i].looked, 0, 0);
		sem_init(&tasks[i].may_end, 0, 0);
	}
}

/* Returns once the task has looked around; the task ends when it may. */
static struct task *
start(int i)
{
	ck_assert_int_eq(thread_start(look_around, &tasks[i]), 0);
	while (sem_wait(&tasks[i].looked)) {
	}
	return &tasks[i];
}

START_TEST(a_thread_is_handed_its_argument_and_is_detached)
{
	struct task *task = start(0);

	ck_assert(!pthread_equal(task->thread, pthread_self()));
	ck_assert_int_eq(task->detach_state, PTHREAD_CREATE_DETACHED);
}
END_TEST

/*
 * Sanitizers need some stack of their own. A default stack is 8 MiB on glibc.
 */
START_TEST(a_stack_is_small)
{
	struct task *task = start(0);

	ck_assert_uint_ge(task->stack_size, 128 * 1024);
	ck_assert_uint_le(task->stack_size, 2 * 1024 * 1024);
}
END_TEST

START_TEST(a_thread_blocks_the_signals_that_its_maker_blocks)
{
	sigset_t signals;
	struct task *task;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	task = start(0);
	ck_assert(sigismember(&task->blocked, SIGTERM));
	ck_assert(sigismember(&task->blocked, SIGHUP));
	ck_assert(!sigismember(&task->blocked, SIGUSR1));
}
END_TEST

START_TEST(tasks_at_the_same_time_have_a_thread_each)
{
	for (int i = 0; i < MANY; i++) {
		start(i);
		for (int j = 0; j < i; j++)
			ck_assert(
			    !pthread_equal(tasks[i].thread, tasks[j].thread));
	}
}
END_TEST

/* The moment of parking is not visible, so some tries may be early. */
START_TEST(a_thread_whose_task_has_ended_is_used_again)
{
	bool again = false;

	sem_post(&tasks[0].may_end);
	start(0);
	for (int i = 1; i < MANY && !again; i++) {
		sched_yield();
		sem_post(&tasks[i].may_end);
		start(i);
		for (int j = 0; j < i; j++)
			again |=
			    pthread_equal(tasks[i].thread, tasks[j].thread);
	}
	ck_assert(again);
}
END_TEST

static atomic_int ended;

static void
count(void *argument)
{
	(void)argument;
	note_thread();
	ended++;
}

/* More tasks than threads, with threads being parked and called all the time. */
START_TEST(every_task_is_run_once)
{
	const int all = 20000;
	int refused = 0;

	for (int i = 0; i < all; i++) {
		while (thread_start(count, NULL) != 0)
			refused++;
	}
	while (ended < all)
		sched_yield();
	ck_assert_int_eq(ended, all);
	ck_assert_int_eq(refused, 0);
}
END_TEST

static void
run_and_await(int all)
{
	ended = 0;
	for (int i = 1; i <= all; i++) {
		ck_assert_int_eq(thread_start(count, NULL), 0);
		while (ended < i)
			sched_yield();
	}
}

START_TEST(a_task_that_comes_as_the_time_is_over_is_run)
{
	parking = IS_LATE;
	run_and_await(1000);
}
END_TEST

/* Two tasks must not use the rest of it, either. */
START_TEST(a_thread_that_is_not_called_in_time_ends)
{
	parking = GIVES_UP;
	run_and_await(1000);
	while (alive > 0)
		sched_yield();
	parking = WAITS;
	for (int i = 0; i < MANY; i++)
		start(i);
	ck_assert_int_eq(alive, MANY);
}
END_TEST

/*
 * The first, the last and the ones between time out; the rest is still called.
 */
START_TEST(threads_that_are_parked_end_in_any_order)
{
	int left = MANY;

	for (int i = 0; i < MANY; i++)
		start(i);
	for (int i = 0; i < MANY; i++)
		sem_post(&tasks[i].may_end);
	while (wait_count < MANY)
		sched_yield();
	parking = GIVES_UP;
	for (int i = 0; i < MANY; i += 7) {
		while (alive == left)
			futex_wake(waits[i]);
		left--;
	}
	parking = WAITS;
	for (int i = 0; i < left; i++)
		start(i);
	ck_assert_int_eq(alive, left);
}
END_TEST

/* RLIMIT_NPROC does not bind root, so limit the address space. */
START_TEST(a_thread_that_cannot_be_had_is_an_error)
{
	struct rlimit limit, none;

	if (IS_SANITIZED) /* the shadow memory needs more than there is */
		return;
	getrlimit(RLIMIT_AS, &limit);
	none = limit;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &none), 0);
	ck_assert_int_eq(thread_start(count, NULL), -EAGAIN);
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	ck_assert_int_eq(thread_start(count, NULL), 0);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("thread");
	TCase *start = tcase_create("start");

	tcase_add_checked_fixture(start, open_tasks, NULL);
	tcase_add_test(start, a_thread_is_handed_its_argument_and_is_detached);
	tcase_add_test(start, a_stack_is_small);
	tcase_add_test(
	    start, a_thread_blocks_the_signals_that_its_maker_blocks);
	tcase_add_test(start, tasks_at_the_same_time_have_a_thread_each);
	tcase_add_test(start, a_thread_whose_task_has_ended_is_used_again);
	tcase_add_test(start, every_task_is_run_once);
	tcase_add_test(start, a_task_that_comes_as_the_time_is_over_is_run);
	tcase_add_test(start, a_thread_that_is_not_called_in_time_ends);
	tcase_add_test(start, threads_that_are_parked_end_in_any_order);
	tcase_add_test(start, a_thread_that_cannot_be_had_is_an_error);
	suite_add_tcase(suite, start);
	return suite;
}
