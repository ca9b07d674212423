#include "relay/state.h"

#include <poll.h>

#include "base/deadline.h"
#include "base/must.h"
#include "net/socket.h"

/*
 * A blocked call looks up this many times per idle_ms. A send(2) that was
 * blocked tells only afterwards, and only how much it sent, not when: so this
 * is also how exact the idle limit is.
 */
#define IDLE_SLICES 8
#define SLICE_MIN_MS 10
#define SLICE_MAX_MS 30000

/* How long relay_drain() sleeps between two looks at what is unacknowledged. */
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
		relay->is_over[side] = false;
		relay->finished[side] = false;
		relay->acknowledged[side] = 0;
	}
	relay->bytes[RELAY_DOWNSTREAM] = relay->forwarded;
	relay->bytes[RELAY_UPSTREAM] = 0;
	relay_moved(relay);
	relay->slice_ms = slice_of(relay->idle_ms);
	relay->has_settled = false;
	relay->ended = false;
	relay->running = 2;
	must(pthread_mutex_init(&relay->lock, NULL));
	/* Until it has settled, the waits are those of all sockets. */
	if (relay->slice_ms < SOCKET_WAIT_MS)
		set_slices(relay);
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
 * What only a connection needs that has been quiet for some time, as very many
 * never are: to be looked at less often, and to be kept alive.
 */
static void
relay_settle(struct relay *relay)
{
	if (atomic_exchange(&relay->has_settled, true))
		return;
	set_slices(relay);
	for (int side = 0; side < 2; side++)
		socket_keep_alive(relay->fd[side]);
}

/*
 * Bytes that a peer acknowledges are progress as well: a slow reader behind a
 * queue of megabytes is not idle, though no call returns for a long time.
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
 * Waits until the peer has taken what left() counts of it, or is gone: there is
 * no event for that. False if it idles.
 */
static bool
drain(struct relay *relay, int fd, int (*left)(int fd))
{
	int wait_ms = DRAIN_MIN_MS;

	while (left(fd) > 0 && !socket_is_closed(fd)) {
		if (relay_check_idle(relay))
			return false;
		poll(NULL, 0, wait_ms);
		wait_ms *= 2;
		if (wait_ms > DRAIN_MAX_MS)
			wait_ms = DRAIN_MAX_MS;
	}
	return true;
}

/* A reset overtakes what is still queued, or was lost and is to be sent again. */
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

/*
 * Both streams are complete, but of what the peers have no room for megabytes
 * may be queued. Left to the kernel they would stay there for minutes, beyond
 * idle_ms and uncounted. TCP_USER_TIMEOUT, which is for that, cuts off who reads
 * slowly (Linux 6.18): its time is over although acknowledgements come. What is
 * on its way is left to the kernel, and all of it if the program ends.
 */
static void
deliver_rest(struct relay *relay)
{
	bool is_taken = true;

	if (socket_unsent(relay->fd[0]) <= 0 &&
	    socket_unsent(relay->fd[1]) <= 0)
		return;
	set_graceful(relay, true);
	for (int side = 0; side < 2 && is_taken; side++)
		is_taken = drain(relay, relay->fd[side], socket_unsent);
	if (is_taken)
		return;
	set_graceful(relay, false);
	relay->end = RELAY_IDLE;
}

void
relay_leave(struct relay *relay)
{
	if (atomic_fetch_sub(&relay->running, 1) > 1)
		return;
	if (relay->end == RELAY_RESET)
		relay_drain(relay, relay->fd[!relay->culprit]);
	else if (relay->end == RELAY_EOF)
		deliver_rest(relay);
	must(pthread_mutex_destroy(&relay->lock));
	relay->done(relay);
}
