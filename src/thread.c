#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "must.h"

/*
 * A task may call getaddrinfo(3) and whatever modules the host's nsswitch.conf
 * names. Only pages that are touched cost memory.
 */
#define STACK_LEN (256 * 1024)

/* How long a thread stays parked. */
#define PARK_S 10

struct thread {
	void (*run)(void *argument);
	void *argument;
	sem_t called;        /* posted when there is a task */
	struct thread *next; /* in the list of those that are parked */
};

/* The last one to be parked is the first one to be called: its stack is warm. */
static struct thread *parked;
static pthread_mutex_t parked_lock = PTHREAD_MUTEX_INITIALIZER;

static struct thread *
take_parked(void)
{
	struct thread *thread;

	must(pthread_mutex_lock(&parked_lock));
	thread = parked;
	if (thread)
		parked = thread->next;
	must(pthread_mutex_unlock(&parked_lock));
	return thread;
}

/* False if somebody else has taken it, and will call it. */
static bool
leave_parked(const struct thread *thread)
{
	struct thread **link = &parked;
	bool found;

	must(pthread_mutex_lock(&parked_lock));
	while (*link && *link != thread)
		link = &(*link)->next;
	found = *link != NULL;
	if (found)
		*link = thread->next;
	must(pthread_mutex_unlock(&parked_lock));
	return found;
}

/* Waits for a task; false if none came in time. */
static bool
park(struct thread *thread)
{
	struct timespec until;
	int error;

	must(pthread_mutex_lock(&parked_lock));
	thread->next = parked;
	parked = thread;
	must(pthread_mutex_unlock(&parked_lock));
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PARK_S;
	do {
		error = sem_timedwait(&thread->called, &until) ? errno : 0;
	} while (error == EINTR);
	if (!error)
		return true;
	if (leave_parked(thread))
		return false;
	while (sem_wait(&thread->called)) {
	}
	return true;
}

static void *
thread_main(void *argument)
{
	struct thread *thread = argument;

	do {
		thread->run(thread->argument);
	} while (park(thread));
	must(sem_destroy(&thread->called));
	free(thread);
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

int
thread_start(void (*run)(void *argument), void *argument)
{
	struct thread *thread = take_parked();
	int error;

	if (thread) {
		thread->run = run;
		thread->argument = argument;
		/* No lock is held: whoever wakes needs it soon. */
		must(sem_post(&thread->called));
		return 0;
	}
	thread = malloc(sizeof(*thread));
	if (!thread)
		return -ENOMEM;
	thread->run = run;
	thread->argument = argument;
	must(sem_init(&thread->called, 0, 0));
	error = create(thread);
	if (error) {
		must(sem_destroy(&thread->called));
		free(thread);
	}
	return error;
}
