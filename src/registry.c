#include "registry.h"

#include <errno.h>
#include <time.h>

#include "deadline.h"
#include "must.h"

void
registry_init(struct registry *registry)
{
	pthread_condattr_t attributes;

	must(pthread_mutex_init(&registry->lock, NULL));
	must(pthread_condattr_init(&attributes));
	must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
	must(pthread_cond_init(&registry->left, &attributes));
	must(pthread_condattr_destroy(&attributes));
	registry->live = 0;
	registry->entered = 0;
}

void
registry_finish(struct registry *registry)
{
	must(pthread_cond_destroy(&registry->left));
	must(pthread_mutex_destroy(&registry->lock));
}

uint64_t
registry_enter(struct registry *registry)
{
	uint64_t number;

	must(pthread_mutex_lock(&registry->lock));
	registry->live++;
	number = ++registry->entered;
	must(pthread_mutex_unlock(&registry->lock));
	return number;
}

void
registry_leave(struct registry *registry)
{
	must(pthread_mutex_lock(&registry->lock));
	registry->live--;
	/* Under the lock: whoever waits may end the registry once it is free. */
	must(pthread_cond_broadcast(&registry->left));
	must(pthread_mutex_unlock(&registry->lock));
}

size_t
registry_live(struct registry *registry)
{
	size_t live;

	must(pthread_mutex_lock(&registry->lock));
	live = registry->live;
	must(pthread_mutex_unlock(&registry->lock));
	return live;
}

size_t
registry_wait(struct registry *registry, size_t live, int64_t deadline)
{
	struct timespec until = {
		.tv_sec = (time_t)(deadline / 1000),
		.tv_nsec = (long)(deadline % 1000) * 1000000,
	};
	int error = 0;

	must(pthread_mutex_lock(&registry->lock));
	while (registry->live > live && error != ETIMEDOUT) {
		error = deadline == DEADLINE_NEVER
		    ? pthread_cond_wait(&registry->left, &registry->lock)
		    : pthread_cond_timedwait(
			  &registry->left, &registry->lock, &until);
		must(error == ETIMEDOUT ? 0 : error);
	}
	live = registry->live;
	must(pthread_mutex_unlock(&registry->lock));
	return live;
}
