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
	registry->limit = SIZE_MAX;
	registry->closed = false;
	registry->was_full = false;
	registry->full_count = 0;
	registry->entered = 0;
}

void
registry_finish(struct registry *registry)
{
	must(pthread_cond_destroy(&registry->left));
	must(pthread_mutex_destroy(&registry->lock));
}

void
registry_set_limit(struct registry *registry, size_t limit)
{
	must(pthread_mutex_lock(&registry->lock));
	registry->limit = limit;
	must(pthread_cond_broadcast(&registry->left));
	must(pthread_mutex_unlock(&registry->lock));
}

void
registry_close(struct registry *registry)
{
	must(pthread_mutex_lock(&registry->lock));
	registry->closed = true;
	must(pthread_cond_broadcast(&registry->left));
	must(pthread_mutex_unlock(&registry->lock));
}

unsigned
registry_note_full(struct registry *registry)
{
	unsigned count = 0;

	must(pthread_mutex_lock(&registry->lock));
	if (registry->live >= registry->limit && !registry->was_full) {
		registry->was_full = true;
		count = ++registry->full_count;
	}
	must(pthread_mutex_unlock(&registry->lock));
	return count;
}

/* With the lock. */
static void
wait_for_room(struct registry *registry)
{
	while (registry->live >= registry->limit && !registry->closed)
		must(pthread_cond_wait(&registry->left, &registry->lock));
}

bool
registry_await_room(struct registry *registry)
{
	bool closed;

	must(pthread_mutex_lock(&registry->lock));
	wait_for_room(registry);
	closed = registry->closed;
	must(pthread_mutex_unlock(&registry->lock));
	return !closed;
}

uint64_t
registry_enter(struct registry *registry)
{
	uint64_t number;

	must(pthread_mutex_lock(&registry->lock));
	wait_for_room(registry);
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
	if (registry->live + registry->limit / 8 < registry->limit)
		registry->was_full = false;
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
