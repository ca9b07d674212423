#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/futex.h"
#include "base/must.h"

/*
 * A task may call getaddrinfo(3), and that any module of the host's
 * nsswitch.conf. Only touched pages cost memory.
 */
#define STACK_LEN (256 * 1024)

/* How long a thread stays parked. */
#define PARK_MS 10000

/*
 * Never freed: when the waking thread names "called" to the kernel, the woken
 * thread may have run its task and ended already.
 */
struct thread {
	void (*run)(void *argument);
	void *argument;
	atomic_uint called;  /* 0 while it is parked, 1: it has a task */
	struct thread *next; /* in one of these lists */
};

/* Wake the thread that was parked last: its stack is warm. */
static struct thread *parked;
static struct thread *ended; /* or never started */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool is_parking_off;

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
		atomic_store(&thread->called, 1);
	}
	must(pthread_mutex_unlock(&lock));
	if (thread)
		futex_wake(&thread->called);
	return thread != NULL;
}

/* The time is over: true if a task came at the last moment. */
static bool
leave_parked(struct thread *thread)
{
	bool is_called;

	must(pthread_mutex_lock(&lock));
	is_called = atomic_load(&thread->called);
	if (!is_called) {
		unlink_parked(thread);
		push(&ended, thread);
	}
	must(pthread_mutex_unlock(&lock));
	return is_called;
}

/* Waits for a task; false if none came in time. */
static bool
park(struct thread *thread)
{
	int64_t deadline =
	    atomic_load(&is_parking_off) ? 0 : deadline_after(PARK_MS);

	must(pthread_mutex_lock(&lock));
	atomic_store(&thread->called, 0);
	push(&parked, thread);
	must(pthread_mutex_unlock(&lock));
	while (!atomic_load(&thread->called)) {
		if (!futex_wait(&thread->called, 0, deadline))
			return leave_parked(thread);
	}
	return true;
}

/* A reserved thread has no task at first. */
static void *
thread_main(void *argument)
{
	struct thread *thread = argument;

	if (!thread->run && !park(thread))
		return NULL;
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
	if (!thread)
		thread = malloc(sizeof(*thread));
	if (thread)
		atomic_init(&thread->called, 0);
	return thread;
}

static int
start_new(void (*run)(void *argument), void *argument)
{
	struct thread *thread = allocate();
	int error;

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

int
thread_start(void (*run)(void *argument), void *argument)
{
	return call_parked(run, argument) ? 0 : start_new(run, argument);
}

int
thread_reserve(size_t count)
{
	int error = 0;

	while (count-- > 0 && !error)
		error = start_new(NULL, NULL);
	return error;
}

void
thread_set_parking(bool is_on)
{
	atomic_store(&is_parking_off, !is_on);
}
