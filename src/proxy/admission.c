#include "proxy/admission.h"

#include <sys/socket.h>

#include "base/condition.h"
#include "base/deadline.h"
#include "base/must.h"

void
registry_init(struct registry *registry)
{
	must(pthread_mutex_init(&registry->lock, NULL));
	condition_init(&registry->left);
	registry->live = 0;
	registry->limit = SIZE_MAX;
	registry->closed = false;
	registry->was_full = false;
	registry->full_count = 0;
	registry->entered = 0;
	registry->evicted = 0;
	handshakes_init(&registry->handshakes);
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

/* One pending connection is always fine: all others may be established. */
static bool
has_too_many_handshakes(const struct registry *registry)
{
	return registry->handshakes.count > registry->limit / 2;
}

static bool
has_room(const struct registry *registry)
{
	return registry->live < registry->limit &&
	    !has_too_many_handshakes(registry);
}

/*
 * The number of the descriptor is still that connection's: its worker takes it
 * out of the set, under this lock, before it closes it.
 */
static void
evict(struct registry *registry, struct handshake *handshake)
{
	handshakes_remove(&registry->handshakes, handshake);
	shutdown(handshake->fd, SHUT_RD);
	handshake->fd = -1;
	registry->evicted++;
}

/* With the lock. Returns when there is room, or what there is has changed. */
static void
make_room(struct registry *registry)
{
	struct handshake *worst = handshakes_worst(&registry->handshakes);
	bool is_soon = registry->live - registry->evicted < registry->limit &&
	    !has_too_many_handshakes(registry);
	int64_t deadline = DEADLINE_NEVER;

	if (worst && !is_soon) {
		deadline = worst->began + REGISTRY_GRACE_MS;
		if (deadline_left(deadline) == 0) {
			evict(registry, worst);
			return;
		}
	}
	condition_wait(&registry->left, &registry->lock, deadline);
}

/* With the lock. */
static void
wait_for_room(struct registry *registry)
{
	while (!has_room(registry) && !registry->closed)
		make_room(registry);
}

bool
registry_has_room(struct registry *registry)
{
	bool is_there;

	must(pthread_mutex_lock(&registry->lock));
	is_there = has_room(registry);
	must(pthread_mutex_unlock(&registry->lock));
	return is_there;
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
	must(pthread_cond_broadcast(&registry->left));
	must(pthread_mutex_unlock(&registry->lock));
}

void
registry_begin_handshake(struct registry *registry, struct handshake *handshake,
    int fd, const union address *peer)
{
	must(pthread_mutex_lock(&registry->lock));
	handshakes_add(&registry->handshakes, handshake, fd, peer);
	/* Whoever waits for room has now one more to cut off in time. */
	if (!has_room(registry))
		must(pthread_cond_broadcast(&registry->left));
	must(pthread_mutex_unlock(&registry->lock));
}

bool
registry_end_handshake(struct registry *registry, struct handshake *handshake)
{
	bool was_evicted;

	must(pthread_mutex_lock(&registry->lock));
	was_evicted = handshake->fd < 0;
	if (was_evicted)
		registry->evicted--;
	else
		handshakes_remove(&registry->handshakes, handshake);
	/* Whoever waits for room may wait for nothing but this. */
	if (registry->handshakes.count == registry->limit / 2)
		must(pthread_cond_broadcast(&registry->left));
	must(pthread_mutex_unlock(&registry->lock));
	return was_evicted;
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
	must(pthread_mutex_lock(&registry->lock));
	while (registry->live > live &&
	    condition_wait(&registry->left, &registry->lock, deadline)) {
	}
	live = registry->live;
	must(pthread_mutex_unlock(&registry->lock));
	return live;
}
