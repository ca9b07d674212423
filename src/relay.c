#include "relay.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
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

/* How long link_drain() sleeps between two looks at what is unacknowledged. */
#define DRAIN_MIN_MS 1
#define DRAIN_MAX_MS 100

/* What the two threads share. */
struct link {
	struct relay *relay;
	int64_t slice_ms; /* 0: no limit */
	_Atomic uint64_t acknowledged[2];
	atomic_bool ended; /* by a reset or idling: nobody reads any more */
	sem_t down_ended;
	pthread_mutex_t lock; /* for who comes first to set the result */
};

/* One direction, from that side to the other. */
struct flow {
	struct link *link;
	enum relay_side from, to;
	int from_fd, to_fd;
	uint64_t received; /* from its socket, before the relay too */
	struct pump pump;
};

static void
link_moved(struct link *link)
{
	atomic_store_explicit(
	    &link->relay->moved_at, deadline_now(), memory_order_relaxed);
}

/* The first one to call this decides the result. */
static void
link_end(
    struct link *link, enum relay_end end, enum relay_side culprit, int error)
{
	struct relay *relay = link->relay;

	must(pthread_mutex_lock(&link->lock));
	if (!atomic_load(&link->ended)) {
		relay->end = end;
		relay->culprit = culprit;
		relay->error = error;
		atomic_store(&link->ended, true);
	}
	must(pthread_mutex_unlock(&link->lock));
}

/* That side's stream is handed on. Whose is so first, has ended it all. */
static void
link_finish(struct link *link, enum relay_side side)
{
	struct relay *relay = link->relay;

	must(pthread_mutex_lock(&link->lock));
	if (!atomic_load(&relay->finished[!side]) && !atomic_load(&link->ended))
		relay->culprit = side;
	atomic_store(&relay->finished[side], true);
	must(pthread_mutex_unlock(&link->lock));
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

/*
 * For who has waited a slice in vain. Bytes that a peer acknowledges are
 * progress as well: a slow reader behind a queue of megabytes is not idle,
 * though no call returns for a long time.
 */
static bool
link_is_idle(struct link *link)
{
	for (int side = 0; side < 2; side++) {
		uint64_t now = socket_acknowledged(link->relay->fd[side]);

		if (atomic_exchange(&link->acknowledged[side], now) != now)
			link_moved(link);
	}
	return deadline_now() - atomic_load(&link->relay->moved_at) >=
	    link->relay->idle_ms;
}

/*
 * A reset overtakes what is still queued, or was lost and is to be sent again:
 * waits until the peer has acknowledged everything. There is no event for that.
 */
static void
link_drain(struct link *link, int fd)
{
	int wait_ms = DRAIN_MIN_MS;

	while (socket_unacknowledged(fd) > 0 && !socket_is_closed(fd)) {
		if (link->slice_ms > 0 && link_is_idle(link))
			return;
		poll(NULL, 0, wait_ms);
		wait_ms *= 2;
		if (wait_ms > DRAIN_MAX_MS)
			wait_ms = DRAIN_MAX_MS;
	}
}

static void
flow_end_idle(struct flow *flow)
{
	link_end(flow->link, RELAY_IDLE, flow->from, 0);
	wake_reader(flow->from_fd);
	wake_reader(flow->to_fd);
}

/* Who is to get the stream is gone; the other flow is its reader. */
static void
flow_end_sink(struct flow *flow, int error)
{
	link_end(flow->link, RELAY_RESET, flow->to, error);
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
	link_end(flow->link, RELAY_RESET, flow->from, error);
	link_drain(flow->link, flow->to_fd);
	wake_reader(flow->to_fd);
}

/*
 * recv(2) gave 0: is it a FIN? An error is reported once, and if the other
 * thread's send(2) was told of the reset, then recv(2) only says 0; so it does
 * after wake_reader(). But a FIN counts as a byte that came (tcp(7), TCP_INFO).
 * So does a real one that came only after recv(2), but that one can be read.
 */
static bool
flow_fin_came(const struct flow *flow)
{
	return socket_received(flow->from_fd) == flow->received + 1 &&
	    !socket_is_readable(flow->from_fd);
}

/* Only this flow's thread writes it, so that it takes no locked addition. */
static void
flow_count_sent(struct flow *flow, uint64_t sent)
{
	_Atomic uint64_t *bytes = &flow->link->relay->bytes[flow->from];
	uint64_t before = atomic_load_explicit(bytes, memory_order_relaxed);

	atomic_store_explicit(bytes, before + sent, memory_order_relaxed);
	link_moved(flow->link);
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
			if (link_is_idle(flow->link)) {
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
			link_moved(flow->link);
			return received;
		}
		if (received == 0 && flow_fin_came(flow))
			return 0;
		if (received == -EAGAIN) {
			if (link_is_idle(flow->link))
				flow_end_idle(flow);
		} else if (received < 0 && received != -EINTR) {
			flow_end_source(flow, (int)-received);
		} else if (received == 0 && !atomic_load(&flow->link->ended)) {
			flow_end_source(flow, ECONNRESET);
		}
		if (atomic_load(&flow->link->ended))
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
	struct link *link = flow->link;
	struct pollfd ends[] = { { .fd = flow->from_fd },
		{ .fd = flow->to_fd } };
	int wait_ms = link->slice_ms > 0 ? (int)link->slice_ms : -1;

	while (!atomic_load(&link->relay->finished[flow->to])) {
		int ready = poll(ends, 2, wait_ms);

		if (atomic_load(&link->relay->finished[flow->to]) ||
		    atomic_load(&link->ended))
			return;
		if (ends[0].revents) {
			flow_end_source(flow, flow_source_error(flow));
			return;
		}
		if (ends[1].revents)
			return;
		if (ready == 0 && link_is_idle(link)) {
			flow_end_idle(flow);
			return;
		}
	}
}

static void
flow_run(struct flow *flow, const void *head, size_t head_len)
{
	uint8_t buffer[PUMP_BUFFER_LEN];
	bool is_complete;

	pump_init(&flow->pump, buffer);
	pump_put(&flow->pump, head, head_len);
	is_complete = flow_copy(flow);
	pump_finish(&flow->pump);
	if (is_complete) {
		/* Before shutdown(2), whose POLLHUP makes the other look. */
		link_finish(flow->link, flow->from);
		shutdown(flow->to_fd, SHUT_WR);
		flow_watch(flow);
	}
}

static void
run_down(void *argument)
{
	struct flow *flow = argument;

	flow_run(flow, NULL, 0);
	/* The last thing: then the link may be gone. */
	must(sem_post(&flow->link->down_ended));
}

static struct flow
flow_from(struct link *link, enum relay_side side)
{
	return (struct flow){
		.link = link,
		.from = side,
		.to = !side,
		.from_fd = link->relay->fd[side],
		.to_fd = link->relay->fd[!side],
	};
}

static void
set_slices(const struct link *link)
{
	for (int side = 0; side < 2; side++) {
		socket_set_recv_timeout(link->relay->fd[side], link->slice_ms);
		socket_set_send_timeout(link->relay->fd[side], link->slice_ms);
	}
}

int
relay_run(struct relay *relay)
{
	struct link link = { .relay = relay,
		.lock = PTHREAD_MUTEX_INITIALIZER };
	struct flow up = flow_from(&link, RELAY_DOWNSTREAM);
	struct flow down = flow_from(&link, RELAY_UPSTREAM);
	int error;

	up.received = relay->received_before;
	relay->end = RELAY_EOF;
	relay->bytes[RELAY_DOWNSTREAM] = relay->forwarded;
	relay->bytes[RELAY_UPSTREAM] = 0;
	relay->finished[RELAY_DOWNSTREAM] = false;
	relay->finished[RELAY_UPSTREAM] = false;
	link_moved(&link);
	if (relay->idle_ms > 0)
		link.slice_ms = relay->idle_ms / IDLE_SLICES > SLICE_MIN_MS
		    ? relay->idle_ms / IDLE_SLICES
		    : SLICE_MIN_MS;
	set_slices(&link);
	must(sem_init(&link.down_ended, 0, 0));
	error = thread_start(run_down, &down);
	if (error) {
		relay->end = RELAY_FAILED;
		relay->error = -error;
		return error;
	}
	flow_run(&up, relay->head, relay->head_len);
	while (sem_wait(&link.down_ended)) {
	}
	if (relay->end == RELAY_RESET)
		link_drain(&link, relay->fd[!relay->culprit]);
	return 0;
}
