#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/condition.h"
#include "base/deadline.h"
#include "base/must.h"

/*
 * A task may call getaddrinfo(3), and that any module of the host's
 * nsswitch.conf. Only touched pages cost memory.
 */
#define STACK_LEN (256 * 1024)

/* How long a thread stays parked. */
#define PARK_MS 10000

/*
 * Never freed. The waking thread signals "called" after it has released the
 * lock, because the woken thread needs that lock at once; by then the woken
 * thread may have ended.
 */
struct thread {
	void (*run)(void *argument); /* NULL while it is parked */
	void *argument;
	pthread_cond_t called; /* signalled when there is a task again */
	struct thread *next;   /* in one of these lists */
};

/* Wake the thread that was parked last: its stack is warm. */
static struct thread *parked;
static struct thread *ended; /* or never started */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
push(struct thread **list, struct thread *thread)
{
	thread->next = *list;
	*list = thread;
}

static struct thread *
pop(struct thread **list)
{
	struct thread *thread = *list;

	if (thread)
		*list = thread->next;
	return thread;
}

static void
unlink_parked(const struct thread *thread)
{
	struct thread **link = &parked;

	while (*link != thread)
		link = &(*link)->next;
	*link = thread->next;
}

/* Hands the task to a parked thread; false if there is none. */
static bool
call_parked(void (*run)(void *argument), void *argument)
{
	struct thread *thread;

	must(pthread_mutex_lock(&lock));
	thread = pop(&parked);
	if (thread) {
		thread->run = run;
		thread->argument = argument;
	}
	must(pthread_mutex_unlock(&lock));
	if (thread)
		must(pthread_cond_signal(&thread->called));
	return thread != NULL;
}

/* Waits for a task; false if none came in time. */
static bool
park(struct thread *thread)
{
	int64_t deadline = deadline_after(PARK_MS);
	bool is_called;

	must(pthread_mutex_lock(&lock));
	thread->run = NULL;
	push(&parked, thread);
	while (
	    !thread->run && condition_wait(&thread->called, &lock, deadline)) {
	}
	is_called = thread->run != NULL;
	if (!is_called) {
		unlink_parked(thread);
		push(&ended, thread);
	}
	must(pthread_mutex_unlock(&lock));
	return is_called;
}

static void *
thread_main(void *argument)
{
	struct thread *thread = argument;

	do {
		thread->run(thread->argument);
	} while (park(thread));
	return NULL;
}

static int
create(struct thread *thread)
{
	long stack_min = sysconf(_SC_THREAD_STACK_MIN);
	size_t stack_len = STACK_LEN;
	pthread_attr_t attributes;
	pthread_t detached;
	int error = pthread_attr_init(&attributes);

	if (error)
		return -error;
	if (stack_min > 0 && stack_len < (size_t)stack_min)
		stack_len = (size_t)stack_min;
	error = pthread_attr_setstacksize(&attributes, stack_len);
	if (!error)
		error = pthread_attr_setdetachstate(
		    &attributes, PTHREAD_CREATE_DETACHED);
	if (!error)
		error =
		    pthread_create(&detached, &attributes, thread_main, thread);
	must(pthread_attr_destroy(&attributes));
	return -error;
}

static struct thread *
allocate(void)
{
	struct thread *thread;

	must(pthread_mutex_lock(&lock));
	thread = pop(&ended);
	must(pthread_mutex_unlock(&lock));
	if (thread)
		return thread;
	thread = malloc(sizeof(*thread));
	if (thread)
		condition_init(&thread->called);
	return thread;
}

int
thread_start(void (*run)(void *argument), void *argument)
{
	struct thread *thread;
	int error;

	if (call_parked(run, argument))
		return 0;
	thread = allocate();
	if (!thread)
		return -ENOMEM;
	thread->run = run;
	thread->argument = argument;
	error = create(thread);
	if (error) {
		must(pthread_mutex_lock(&lock));
		push(&ended, thread);
		must(pthread_mutex_unlock(&lock));
	}
	return error;
}
