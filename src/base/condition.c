#include "base/condition.h"

#include <errno.h>
#include <time.h>

#include "base/deadline.h"
#include "base/must.h"

void
condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	must(pthread_condattr_init(&attributes));
	must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
	must(pthread_cond_init(condition, &attributes));
	must(pthread_condattr_destroy(&attributes));
}

bool
condition_wait(
    pthread_cond_t *condition, pthread_mutex_t *lock, int64_t deadline)
{
	struct timespec until = {
		.tv_sec = (time_t)(deadline / 1000),
		.tv_nsec = (long)(deadline % 1000) * 1000000,
	};
	int error = deadline == DEADLINE_NEVER
	    ? pthread_cond_wait(condition, lock)
	    : pthread_cond_timedwait(condition, lock, &until);

	must(error == ETIMEDOUT ? 0 : error);
	return error == 0;
}
