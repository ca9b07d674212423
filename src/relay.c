#include "relay.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "deadline.h"
#include "must.h"
#include "pump.h"
#include "socket.h"
#include "thread.h"

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

/* One direction, from that side to the other. */
struct flow {
	struct relay *relay;
	enum relay_side from, to;
	int from_fd, to_fd;
	uint64_t received; /* from its socket, before the relay too */
	struct pump pump;
};

static void
relay_moved(struct relay *relay)
{
	atomic_store_explicit(
	    &relay->moved_at, deadline_now(), memory_order_relaxed);
}

/* The first one to call this decides the result. */
static void
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

/* That side's stream is handed on. Whose is so first, has ended it all. */
static void
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
 * Wakes the reader of fd, and sends nothing. Never SHUT_WR: its FIN would make
 * what was cut off look complete. A blocked writer is not woken; the death of
 * its peer or its slice does that.
 */
static void
wake_reader(int fd)
{
	shutdown(fd, SHUT_RD);
}

static void
set_slices(const struct relay *relay)
{
	for (int side = 0; side < 2; side++) {
		socket_set_recv_timeout(relay->fd[side], relay->slice_ms);
		socket_set_send_timeout(relay->fd[side], relay->slice_ms);
	}
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
relay_is_idle(struct relay *relay)
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

/* For who has waited a slice in vain: true if that is the end. */
static bool
relay_has_waited(struct relay *relay)
{
	relay_settle(relay);
	return relay_is_idle(relay);
}

/*
 * A reset overtakes what is still queued, or was lost and is to be sent again:
 * waits until the peer has acknowledged everything. There is no event for that.
 */
static void
relay_drain(struct relay *relay, int fd)
{
	int wait_ms = DRAIN_MIN_MS;

	while (socket_unacknowledged(fd) > 0 && !socket_is_closed(fd) &&
	    !relay_is_idle(relay)) {
		poll(NULL, 0, wait_ms);
		wait_ms *= 2;
		if (wait_ms > DRAIN_MAX_MS)
			wait_ms = DRAIN_MAX_MS;
	}
}

static void
flow_end_idle(struct flow *flow)
{
	relay_set_end(flow->relay, RELAY_IDLE, flow->from, 0);
	wake_reader(flow->from_fd);
	wake_reader(flow->to_fd);
}

/* Who is to get the stream is gone; the other flow is its reader. */
static void
flow_end_sink(struct flow *flow, int error)
{
	relay_set_end(flow->relay, RELAY_RESET, flow->to, error);
	wake_reader(flow->to_fd);
}

/*
 * Who sends the stream is gone. The other flow is woken only when all has been
 * delivered: with its reading end shut, a half-closed socket that receives data
 * resets itself at once.
 */
static void
flow_end_source(struct flow *flow, int error)
{
	relay_set_end(flow->relay, RELAY_RESET, flow->from, error);
	relay_drain(flow->relay, flow->to_fd);
	wake_reader(flow->to_fd);
}

/* Only this flow's thread writes it, so that it takes no locked addition. */
static void
flow_count_sent(struct flow *flow, uint64_t sent)
{
	_Atomic uint64_t *bytes = &flow->relay->bytes[flow->from];
	uint64_t before = atomic_load_explicit(bytes, memory_order_relaxed);

	atomic_store_explicit(bytes, before + sent, memory_order_relaxed);
	relay_moved(flow->relay);
}

/*
 * Sends all that waits in the pump. False if the flow is over. It is not when
 * its source has died meanwhile: what that one said before is still to be
 * delivered.
 */
static bool
flow_send(struct flow *flow)
{
	while (pump_waiting(&flow->pump) > 0) {
		ssize_t sent = pump_flush(&flow->pump, flow->to_fd);

		if (sent >= 0) {
			flow_count_sent(flow, (uint64_t)sent);
			if (pump_waiting(&flow->pump) > 0)
				flow->received +=
				    pump_top_up(&flow->pump, flow->from_fd);
		} else if (sent == -EAGAIN) {
			if (relay_has_waited(flow->relay)) {
				flow_end_idle(flow);
				return false;
			}
		} else if (sent != -EINTR) {
			flow_end_sink(flow, (int)-sent);
			return false;
		}
	}
	return true;
}

/*
 * recv(2) gave 0: is it the end of the stream? An error is reported once, and
 * if the other thread's send(2) was told of the reset, then recv(2) only says
 * 0; so it does after wake_reader().
 */
static bool
flow_has_ended(const struct flow *flow)
{
	enum socket_end end = socket_find_end(flow->from_fd, flow->received);

	flow->relay->is_over[flow->from] = end == SOCKET_END_OVER;
	return end != SOCKET_END_NONE;
}

/*
 * Returns how many bytes were received, 0 at the end of the stream, or -1 if
 * the flow is over.
 */
static ssize_t
flow_receive(struct flow *flow)
{
	for (;;) {
		ssize_t received = pump_fill(&flow->pump, flow->from_fd);

		if (received > 0) {
			flow->received += (uint64_t)received;
			relay_moved(flow->relay);
			return received;
		}
		if (received == 0 && flow_has_ended(flow))
			return 0;
		if (received == -EAGAIN) {
			if (relay_has_waited(flow->relay))
				flow_end_idle(flow);
		} else if (received < 0 && received != -EINTR) {
			flow_end_source(flow, (int)-received);
		} else if (received == 0 && !atomic_load(&flow->relay->ended)) {
			flow_end_source(flow, ECONNRESET);
		}
		if (atomic_load(&flow->relay->ended))
			return -1;
	}
}

/* True when the whole stream has been handed on, false if all is over. */
static bool
flow_copy(struct flow *flow)
{
	ssize_t received;

	do {
		if (!flow_send(flow))
			return false;
		received = flow_receive(flow);
	} while (received > 0);
	return received == 0;
}

/* Why a source died that had ended its stream; EPIPE means a reset, too. */
static int
flow_source_error(const struct flow *flow)
{
	int error = 0;
	socklen_t len = sizeof(error);

	getsockopt(flow->from_fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error == 0 || error == EPIPE ? ECONNRESET : error;
}

/*
 * The flow's stream has been handed on, but its source may still be reset, and
 * nobody would see it while the other direction is quiet. POLLHUP tells, as it
 * does when the other flow has handed on its FIN too. When the sink has ended
 * its stream, then the other flow blocks no more and comes to its end alone.
 */
static void
flow_watch(struct flow *flow)
{
	struct relay *relay = flow->relay;
	struct pollfd ends[] = { { .fd = flow->from_fd },
		{ .fd = flow->to_fd } };

	while (!atomic_load(&relay->finished[flow->to])) {
		int ready = poll(ends, 2, (int)relay->slice_ms);

		if (atomic_load(&relay->finished[flow->to]) ||
		    atomic_load(&relay->ended))
			return;
		if (ends[0].revents) {
			flow_end_source(flow, flow_source_error(flow));
			return;
		}
		if (ends[1].revents)
			return;
		if (ready == 0 && relay_has_waited(relay)) {
			flow_end_idle(flow);
			return;
		}
	}
}

static void
flow_run(struct flow *flow)
{
	uint8_t buffer[PUMP_BUFFER_LEN];
	bool is_complete;

	pump_init(&flow->pump, buffer);
	is_complete = flow_copy(flow);
	pump_finish(&flow->pump);
	if (is_complete) {
		/* Before shutdown(2), whose POLLHUP makes the other look. */
		relay_finish(flow->relay, flow->from);
		shutdown(flow->to_fd, SHUT_WR);
		flow_watch(flow);
	}
}

/* The last thing that a thread does with it: then it may be gone. */
static void
relay_leave(struct relay *relay)
{
	if (atomic_fetch_sub(&relay->running, 1) > 1)
		return;
	if (relay->end == RELAY_RESET)
		relay_drain(relay, relay->fd[!relay->culprit]);
	must(pthread_mutex_destroy(&relay->lock));
	relay->done(relay);
}

static void
run_from(struct relay *relay, enum relay_side side)
{
	struct flow flow = {
		.relay = relay,
		.from = side,
		.to = !side,
		.from_fd = relay->fd[side],
		.to_fd = relay->fd[!side],
	};

	if (side == RELAY_DOWNSTREAM)
		flow.received = relay->received_before;
	flow_run(&flow);
	relay_leave(relay);
}

static void
run_down(void *argument)
{
	run_from(argument, RELAY_UPSTREAM);
}

static int64_t
slice_of(int64_t idle_ms)
{
	int64_t slice_ms = idle_ms / IDLE_SLICES;

	if (idle_ms == 0 || slice_ms > SLICE_MAX_MS)
		return SLICE_MAX_MS;
	return slice_ms > SLICE_MIN_MS ? slice_ms : SLICE_MIN_MS;
}

static void
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
relay_run(struct relay *relay)
{
	int error;

	relay_begin(relay);
	error = thread_start(run_down, relay);
	if (error) {
		relay->end = RELAY_FAILED;
		relay->error = -error;
		relay->running = 1;
		relay_leave(relay);
		return;
	}
	run_from(relay, RELAY_DOWNSTREAM);
}
