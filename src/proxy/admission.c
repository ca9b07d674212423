#include "proxy/admission.h"

#include <string.h>
#include <sys/socket.h>

#include "base/condition.h"
#include "base/deadline.h"
#include "base/must.h"
#include "net/socket.h"

/* The pause until a request that has come is looked at again. */
#define UNREAD_MS 10

void
admission_init(struct admission *admission)
{
	memset(admission, 0, sizeof(*admission));
	must(pthread_mutex_init(&admission->lock, NULL));
	condition_init(&admission->left);
	admission->limit = SIZE_MAX;
	handshakes_init(&admission->handshakes);
}

void
admission_set_limit(struct admission *admission, size_t limit)
{
	must(pthread_mutex_lock(&admission->lock));
	admission->limit = limit;
	must(pthread_cond_broadcast(&admission->left));
	must(pthread_mutex_unlock(&admission->lock));
}

void
admission_close(struct admission *admission)
{
	must(pthread_mutex_lock(&admission->lock));
	admission->closed = true;
	must(pthread_cond_broadcast(&admission->left));
	must(pthread_mutex_unlock(&admission->lock));
}

void
admission_open(struct admission *admission)
{
	must(pthread_mutex_lock(&admission->lock));
	admission->closed = false;
	must(pthread_mutex_unlock(&admission->lock));
}

void
admission_number_from(struct admission *admission, uint64_t number)
{
	must(pthread_mutex_lock(&admission->lock));
	if (admission->entered < number)
		admission->entered = number;
	must(pthread_mutex_unlock(&admission->lock));
}

void
admission_adopt(struct admission *admission, uint64_t number)
{
	admission_number_from(admission, number);
	must(pthread_mutex_lock(&admission->lock));
	admission->live++;
	must(pthread_mutex_unlock(&admission->lock));
}

uint64_t
admission_entered(struct admission *admission)
{
	uint64_t entered;

	must(pthread_mutex_lock(&admission->lock));
	entered = admission->entered;
	must(pthread_mutex_unlock(&admission->lock));
	return entered;
}

unsigned
admission_note_full(struct admission *admission)
{
	unsigned count = 0;

	must(pthread_mutex_lock(&admission->lock));
	if (admission->live >= admission->limit && !admission->was_full) {
		admission->was_full = true;
		count = ++admission->full_count;
	}
	must(pthread_mutex_unlock(&admission->lock));
	return count;
}

/*
 * Not >=: with a limit of 2 or 3, one pending connection does not keep others
 * out.
 */
static bool
has_too_many_handshakes(const struct admission *admission)
{
	return admission->handshakes.count > admission->limit / 2;
}

static bool
has_room(const struct admission *admission)
{
	return admission->live < admission->limit &&
	    !has_too_many_handshakes(admission);
}

/*
 * The descriptor cannot have been closed and reused: before its worker closes
 * it, the worker removes it from the set under this lock.
 */
static void
evict(struct admission *admission, struct handshake *handshake)
{
	handshakes_remove(&admission->handshakes, handshake);
	shutdown(handshake->fd, SHUT_RD);
	handshake->fd = -1;
	admission->evicted++;
}

/*
 * With the lock. Returns after an eviction, a change or the grace time; the
 * caller checks for room again. Bytes that have come are read by a worker, which
 * a busy host may hold up for longer than the grace time.
 */
static void
make_room(struct admission *admission)
{
	struct handshake *worst = handshakes_worst(&admission->handshakes);
	bool is_soon =
	    admission->live - admission->evicted < admission->limit &&
	    !has_too_many_handshakes(admission);
	int64_t deadline = DEADLINE_NEVER;

	if (worst && !is_soon) {
		deadline = worst->began + ADMISSION_GRACE_MS;
		if (deadline_left(deadline) == 0 &&
		    !socket_is_readable(worst->fd)) {
			evict(admission, worst);
			return;
		}
		if (deadline_left(deadline) == 0)
			deadline = deadline_after(UNREAD_MS);
	}
	condition_wait(&admission->left, &admission->lock, deadline);
}

/* With the lock. */
static void
wait_for_room(struct admission *admission)
{
	while (!has_room(admission) && !admission->closed)
		make_room(admission);
}

bool
admission_has_room(struct admission *admission)
{
	bool is_there;

	must(pthread_mutex_lock(&admission->lock));
	is_there = has_room(admission);
	must(pthread_mutex_unlock(&admission->lock));
	return is_there;
}

bool
admission_await_room(struct admission *admission)
{
	bool closed;

	must(pthread_mutex_lock(&admission->lock));
	wait_for_room(admission);
	closed = admission->closed;
	must(pthread_mutex_unlock(&admission->lock));
	return !closed;
}

uint64_t
admission_enter(struct admission *admission)
{
	uint64_t number;

	must(pthread_mutex_lock(&admission->lock));
	wait_for_room(admission);
	admission->live++;
	number = ++admission->entered;
	must(pthread_mutex_unlock(&admission->lock));
	return number;
}

void
admission_leave(struct admission *admission)
{
	must(pthread_mutex_lock(&admission->lock));
	admission->live--;
	if (admission->live + admission->limit / 8 < admission->limit)
		admission->was_full = false;
	must(pthread_cond_broadcast(&admission->left));
	must(pthread_mutex_unlock(&admission->lock));
}

void
admission_begin_handshake(struct admission *admission,
    struct handshake *handshake, int fd, const union address *peer)
{
	must(pthread_mutex_lock(&admission->lock));
	handshakes_add(&admission->handshakes, handshake, fd, peer);
	/*
	 * Waiters may now have to evict this handshake: let them compute their
	 * deadline again.
	 */
	if (!has_room(admission))
		must(pthread_cond_broadcast(&admission->left));
	must(pthread_mutex_unlock(&admission->lock));
}

bool
admission_end_handshake(
    struct admission *admission, struct handshake *handshake)
{
	bool was_evicted;

	must(pthread_mutex_lock(&admission->lock));
	was_evicted = handshake->fd < 0;
	if (was_evicted) {
		/* Its place is free only after admission_leave(). */
		admission->evicted--;
	} else {
		handshakes_remove(&admission->handshakes, handshake);
		/* Pending handshakes may just have dropped to half of the limit. */
		if (admission->handshakes.count == admission->limit / 2)
			must(pthread_cond_broadcast(&admission->left));
	}
	must(pthread_mutex_unlock(&admission->lock));
	return was_evicted;
}

size_t
admission_live(struct admission *admission)
{
	size_t live;

	must(pthread_mutex_lock(&admission->lock));
	live = admission->live;
	must(pthread_mutex_unlock(&admission->lock));
	return live;
}

size_t
admission_wait(struct admission *admission, size_t live, int64_t deadline)
{
	must(pthread_mutex_lock(&admission->lock));
	while (admission->live > live &&
	    condition_wait(&admission->left, &admission->lock, deadline)) {
	}
	live = admission->live;
	must(pthread_mutex_unlock(&admission->lock));
	return live;
}
