#include "thread.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "suite.h"

/* What a thread found out about itself. */
struct finding {
	sem_t done;
	size_t stack_size;
	int detach_state;
	sigset_t blocked;
};

static void *
look_around(void *argument)
{
	struct finding *finding = argument;
	pthread_attr_t attributes;

	pthread_getattr_np(pthread_self(), &attributes);
	pthread_attr_getstacksize(&attributes, &finding->stack_size);
	pthread_attr_getdetachstate(&attributes, &finding->detach_state);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_BLOCK, NULL, &finding->blocked);
	sem_post(&finding->done);
	return argument;
}

static struct finding finding;

static void
open_finding(void)
{
	sem_init(&finding.done, 0, 0);
}

static void
close_finding(void)
{
	sem_destroy(&finding.done);
}

START_TEST(a_thread_is_handed_its_argument_and_joined)
{
	pthread_t thread;
	void *result = NULL;

	ck_assert_int_eq(
	    thread_start(look_around, &finding, THREAD_STACK_COPY, &thread), 0);
	ck_assert_int_eq(pthread_join(thread, &result), 0);
	ck_assert_ptr_eq(result, &finding);
	ck_assert_int_eq(finding.detach_state, PTHREAD_CREATE_JOINABLE);
}
END_TEST

START_TEST(a_thread_that_nobody_joins_is_detached)
{
	ck_assert_int_eq(
	    thread_start(look_around, &finding, THREAD_STACK_COPY, NULL), 0);
	ck_assert_int_eq(sem_wait(&finding.done), 0);
	ck_assert_int_eq(finding.detach_state, PTHREAD_CREATE_DETACHED);
}
END_TEST

static const size_t sizes[] = { THREAD_STACK_COPY, THREAD_STACK_WORKER, 1 };

/* Sanitizers add some of their own. A default stack is 8 MiB on glibc. */
START_TEST(a_stack_is_as_small_as_was_asked_but_never_too_small)
{
	long least = sysconf(_SC_THREAD_STACK_MIN);
	size_t size = sizes[_i];
	pthread_t thread;

	if (least > 0 && size < (size_t)least)
		size = (size_t)least;
	ck_assert_int_eq(
	    thread_start(look_around, &finding, sizes[_i], &thread), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_ge(finding.stack_size, size);
	ck_assert_uint_le(finding.stack_size, size + 1024 * 1024);
}
END_TEST

START_TEST(a_thread_blocks_the_signals_that_its_maker_blocks)
{
	sigset_t signals;
	pthread_t thread;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	ck_assert_int_eq(
	    thread_start(look_around, &finding, THREAD_STACK_COPY, &thread), 0);
	pthread_join(thread, NULL);
	ck_assert(sigismember(&finding.blocked, SIGTERM));
	ck_assert(sigismember(&finding.blocked, SIGHUP));
	ck_assert(!sigismember(&finding.blocked, SIGUSR1));
}
END_TEST

START_TEST(a_thread_that_cannot_be_had_is_an_error)
{
	pthread_t thread;

	ck_assert_int_eq(
	    thread_start(look_around, &finding, SIZE_MAX / 4, &thread),
	    -EAGAIN);
	ck_assert_int_eq(
	    thread_start(look_around, &finding, SIZE_MAX / 4, NULL), -EAGAIN);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("thread");
	TCase *start = tcase_create("start");

	tcase_add_checked_fixture(start, open_finding, close_finding);
	tcase_add_test(start, a_thread_is_handed_its_argument_and_joined);
	tcase_add_test(start, a_thread_that_nobody_joins_is_detached);
	tcase_add_loop_test(start,
	    a_stack_is_as_small_as_was_asked_but_never_too_small, 0,
	    COUNT(sizes));
	tcase_add_test(
	    start, a_thread_blocks_the_signals_that_its_maker_blocks);
	tcase_add_test(start, a_thread_that_cannot_be_had_is_an_error);
	suite_add_tcase(suite, start);
	return suite;
}
