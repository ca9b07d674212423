#include "relay/state.h"

#include <poll.h>

#include "base/deadline.h"
#include "base/must.h"
#include "base/signals.h"
#include "net/socket.h"

/*
 * A blocked call wakes this many times per idle_ms. A blocked send(2) reports
 * its bytes only at its end, and not when they moved. So this is also the
 * precision of the idle limit.
 */
#define IDLE_SLICES 8
#define SLICE_MIN_MS 10
#define SLICE_MAX_MS 30000

/* The pause of relay_drain() between two looks at the unacknowledged bytes. */
#define DRAIN_MIN_MS 1
#define DRAIN_MAX_MS 100

void
relay_moved(struct relay *relay)
{
	atomic_store_explicit(
	    &relay->moved_at, deadline_now(), memory_order_relaxed);
}

static void
set_slices(const struct relay *relay)
{
	for (int side = 0; side < 2; side++) {
		socket_set_recv_timeout(relay->fd[side], relay->slice_ms);
		socket_set_send_timeout(relay->fd[side], relay->slice_ms);
	}
}

static int64_t
slice_of(int64_t idle_ms)
{
	int64_t slice_ms = idle_ms / IDLE_SLICES;

	if (idle_ms == 0 || slice_ms > SLICE_MAX_MS)
		return SLICE_MAX_MS;
	return slice_ms > SLICE_MIN_MS ? slice_ms : SLICE_MIN_MS;
}

void
relay_begin(struct relay *relay)
{
	relay->end = RELAY_EOF;
	for (int side = 0; side < 2; side++) {
		struct relay_flow *flow = &relay->flow[side];

		relay->is_over[side] = false;
		relay->finished[side] = false;
		relay->acknowledged[side] = 0;
		flow->thread = 0;
		flow->stage = RELAY_COPYING;
		flow->received = 0;
		pump_rest_init(&flow->rest);
	}
	relay->flow[RELAY_DOWNSTREAM].received = relay->received_before;
	relay->bytes[RELAY_DOWNSTREAM] = relay->forwarded;
	relay->bytes[RELAY_UPSTREAM] = 0;
	relay_moved(relay);
	relay->slice_ms = slice_of(relay->idle_ms);
	relay->has_settled = false;
	relay->ended = false;
	relay->running = 2;
	relay->stopping = relay->is_still = false;
	must(pthread_mutex_init(&relay->lock, NULL));
	/* Until the relay settles, the sockets keep their usual timeouts. */
	if (relay->slice_ms < SOCKET_WAIT_MS)
		set_slices(relay);
}

void
relay_restore(struct relay *relay)
{
	relay->slice_ms = slice_of(relay->idle_ms);
	must(pthread_mutex_init(&relay->lock, NULL));
}

bool
relay_must_stop(const struct relay *relay)
{
	return atomic_load(&relay->stopping);
}

void
relay_set_end(
    struct relay *relay, enum relay_end end, enum relay_side culprit, int error)
{
	must(pthread_mutex_lock(&relay->lock));
	if (!atomic_load(&relay->ended)) {
		relay->end = end;
		relay->culprit = culprit;
		relay->error = error;
		atomic_store(&relay->ended, true);
	}
	must(pthread_mutex_unlock(&relay->lock));
}

void
relay_finish(struct relay *relay, enum relay_side side)
{
	must(pthread_mutex_lock(&relay->lock));
	if (!atomic_load(&relay->finished[!side]) &&
	    !atomic_load(&relay->ended))
		relay->culprit = side;
	atomic_store(&relay->finished[side], true);
	must(pthread_mutex_unlock(&relay->lock));
}

/*
 * Settles a connection that has been quiet for some time: it wakes less often,
 * and keepalive is on. Most connections end before that. What MSG_MORE has held
 * back is sent, which the kernel would do only after three round trips.
 */
static void
relay_settle(struct relay *relay)
{
	if (atomic_exchange(&relay->has_settled, true))
		return;
	set_slices(relay);
	for (int side = 0; side < 2; side++) {
		socket_keep_alive(relay->fd[side]);
		socket_push(relay->fd[side]);
	}
}

/*
 * Acknowledged bytes are progress as well: a slow reader behind a queue of
 * megabytes is not idle, although no call returns for a long time.
 */
static bool
relay_check_idle(struct relay *relay)
{
	if (relay->idle_ms == 0)
		return false;
	for (int side = 0; side < 2; side++) {
		uint64_t now = socket_acknowledged(relay->fd[side]);

		if (atomic_exchange(&relay->acknowledged[side], now) != now)
			relay_moved(relay);
	}
	return deadline_now() - atomic_load(&relay->moved_at) >= relay->idle_ms;
}

bool
relay_note_wait(struct relay *relay)
{
	relay_settle(relay);
	return relay_check_idle(relay);
}

/*
 * Waits until left() counts no more bytes, the peer is gone or the relay is
 * stopped. There is no event for that, so it polls. False if the connection
 * idles.
 */
static bool
drain(struct relay *relay, int fd, int (*left)(int fd))
{
	int wait_ms = DRAIN_MIN_MS;

	if (left(fd) > 0)
		socket_push(fd);
	while (
	    left(fd) > 0 && !socket_is_closed(fd) && !relay_must_stop(relay)) {
		if (relay_check_idle(relay))
			return false;
		poll(NULL, 0, wait_ms);
		wait_ms *= 2;
		if (wait_ms > DRAIN_MAX_MS)
			wait_ms = DRAIN_MAX_MS;
	}
	return true;
}

/*
 * A reset overtakes bytes that are still queued, or lost and not sent again
 * yet.
 */
void
relay_drain(struct relay *relay, int fd)
{
	drain(relay, fd, socket_unacknowledged);
}

static void
set_graceful(const struct relay *relay, bool graceful)
{
	for (int side = 0; side < 2; side++)
		socket_set_graceful(relay->fd[side], graceful);
}

/* Nothing is left in a socket whose FIN is acknowledged. */
static bool
has_unsent(const struct relay *relay, enum relay_side side)
{
	return !relay->is_over[side] && socket_unsent(relay->fd[side]) > 0;
}

/*
 * Both streams are complete, but megabytes may still be queued for peers that
 * have no room. The kernel would keep them for minutes, beyond idle_ms and
 * uncounted. TCP_USER_TIMEOUT is meant for that, but it cuts off a slow reader
 * although acknowledgements come (Linux 6.18). So wait here until only bytes on
 * their way are left; the kernel delivers those, and all of them if the program
 * ends.
 */
static void
deliver_rest(struct relay *relay)
{
	bool is_taken = true;

	if (!has_unsent(relay, RELAY_DOWNSTREAM) &&
	    !has_unsent(relay, RELAY_UPSTREAM))
		return;
	set_graceful(relay, true);
	for (int side = 0; side < 2 && is_taken; side++)
		is_taken = drain(relay, relay->fd[side], socket_unsent);
	if (is_taken)
		return;
	set_graceful(relay, false);
	relay->end = RELAY_IDLE;
}

/* False if the relay was stopped before that. */
static bool
deliver(struct relay *relay)
{
	if (relay->end == RELAY_RESET)
		relay_drain(relay, relay->fd[!relay->culprit]);
	else if (relay->end == RELAY_EOF)
		deliver_rest(relay);
	return !relay_must_stop(relay);
}

void
relay_leave(struct relay *relay)
{
	if (atomic_fetch_sub(&relay->running, 1) > 1)
		return;
	/* So that relay_stop() can interrupt the waits of deliver(). */
	atomic_store(&relay->flow[0].thread, signals_thread());
	if (relay->flow[0].stage == RELAY_LEFT &&
	    relay->flow[1].stage == RELAY_LEFT && deliver(relay)) {
		must(pthread_mutex_destroy(&relay->lock));
		relay->done(relay);
	} else {
		atomic_store(&relay->flow[0].thread, 0);
		atomic_store(&relay->is_still, true);
	}
}
