#include "relay/relay.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/deadline.h"
#include "base/signals.h"
#include "base/thread.h"
#include "net/socket.h"
#include "relay/pump.h"

/* The pause between two attempts to get a thread. */
#define RETRY_MS 50

/* One direction: from that side to the other one. */
struct flow {
	struct relay *relay;
	enum relay_side from, to;
	int from_fd, to_fd;
	enum relay_stage stage;
	bool is_stopped;       /* in that stage */
	uint64_t received;     /* from its socket, also before the relay */
	int64_t rest_deadline; /* of the rest of an answer; 0: none yet */
	struct pump pump;
};

static bool
flow_must_stop(struct flow *flow)
{
	flow->is_stopped = relay_must_stop(flow->relay);
	return flow->is_stopped;
}

/*
 * Wakes the reader of fd, and sends nothing. Never use SHUT_WR: its FIN would
 * make a stream that was cut off look complete. This does not wake a blocked
 * writer; the death of its peer or its timeout does.
 */
static void
wake_reader(int fd)
{
	shutdown(fd, SHUT_RD);
}

static void
flow_end_idle(struct flow *flow)
{
	relay_set_end(flow->relay, RELAY_IDLE, flow->from, 0);
	wake_reader(flow->from_fd);
	wake_reader(flow->to_fd);
}

/* The receiver of the stream is gone; the other flow reads from it. */
static void
flow_end_sink(struct flow *flow, int error)
{
	relay_set_end(flow->relay, RELAY_RESET, flow->to, error);
	wake_reader(flow->to_fd);
}

/*
 * The sender of the stream is gone. Wake the other flow only after all data is
 * delivered: a half-closed socket with a closed reading end resets itself as
 * soon as it receives data.
 */
static void
flow_deliver(struct flow *flow)
{
	flow->stage = RELAY_ENDING;
	relay_drain(flow->relay, flow->to_fd);
	if (!flow_must_stop(flow))
		wake_reader(flow->to_fd);
}

static void
flow_end_source(struct flow *flow, int error)
{
	relay_set_end(flow->relay, RELAY_RESET, flow->from, error);
	flow_deliver(flow);
}

/* Only this flow's thread writes the count, so no locked addition is needed. */
static void
flow_count_sent(struct flow *flow, uint64_t sent)
{
	_Atomic uint64_t *bytes = &flow->relay->bytes[flow->from];
	uint64_t before = atomic_load_explicit(bytes, memory_order_relaxed);

	atomic_store_explicit(bytes, before + sent, memory_order_relaxed);
	relay_moved(flow->relay);
	if (before == 0 && flow->from == RELAY_UPSTREAM &&
	    flow->relay->answered)
		flow->relay->answered(flow->relay);
}

/* The receiver of the stream is gone, or has refused it, which is no error. */
static bool
flow_is_futile(const struct flow *flow)
{
	const struct relay *relay = flow->relay;

	return atomic_load(&relay->ended) && relay->end == RELAY_RESET &&
	    relay->culprit == flow->to;
}

/*
 * Sends all bytes that wait in the pump. False if the flow is over or stopped.
 * A dead sender does not end the flow here: its earlier bytes are still to be
 * delivered.
 */
static bool
flow_send(struct flow *flow)
{
	while (pump_waiting(&flow->pump) > 0) {
		ssize_t sent;

		if (flow_must_stop(flow) || flow_is_futile(flow))
			return false;
		sent = pump_flush(&flow->pump, flow->to_fd);
		if (sent >= 0) {
			flow_count_sent(flow, (uint64_t)sent);
			if (pump_waiting(&flow->pump) > 0)
				flow->received +=
				    pump_top_up(&flow->pump, flow->from_fd);
		} else if (sent == -EAGAIN) {
			if (relay_note_wait(flow->relay)) {
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
 * The error of a side that had ended its stream and is gone; EPIPE means a
 * reset, too.
 */
static int
take_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error == 0 || error == EPIPE ? ECONNRESET : error;
}

/*
 * The receiver's own stream has been forwarded, so no thread reads from it any
 * more. Nobody would notice its reset while this direction is quiet, so poll it
 * here. Until the relay settles, each call waits too briefly for this to
 * matter.
 */
static bool
flow_is_alone(const struct flow *flow)
{
	return atomic_load(&flow->relay->has_settled) &&
	    atomic_load(&flow->relay->finished[flow->to]);
}

/*
 * Waits for the sender, and watches the receiver. False if the flow is over or
 * stopped.
 */
static bool
flow_await(struct flow *flow)
{
	struct pollfd ends[] = {
		{ .fd = flow->from_fd, .events = POLLIN },
		{ .fd = flow->to_fd },
	};

	for (;;) {
		int ready = poll(ends, 2, (int)flow->relay->slice_ms);

		if (flow_must_stop(flow))
			return false;
		if (ready > 0 && ends[1].revents) {
			flow_end_sink(flow, take_error(flow->to_fd));
			return false;
		}
		if (ready > 0)
			return true;
		if (ready == 0 && relay_note_wait(flow->relay)) {
			flow_end_idle(flow);
			return false;
		}
	}
}

/*
 * Decides whether a 0 from recv(2) is the end of the stream. A socket reports
 * an error once: if the other thread's send(2) got the reset, recv(2) only
 * returns 0. It also returns 0 after wake_reader().
 */
static bool
flow_take_end(const struct flow *flow)
{
	enum socket_end end = socket_find_end(flow->from_fd, flow->received);

	flow->relay->is_over[flow->from] = end == SOCKET_END_OVER;
	return end != SOCKET_END_NONE;
}

/* received: 0 if the stream was cut off, or a negative errno. */
static void
flow_fail(struct flow *flow, ssize_t received)
{
	if (received == -EAGAIN) {
		if (relay_note_wait(flow->relay))
			flow_end_idle(flow);
	} else if (received == 0) {
		if (!atomic_load(&flow->relay->ended))
			flow_end_source(flow, ECONNRESET);
	} else {
		flow_end_source(flow, (int)-received);
	}
}

static bool
flow_awaits_answer(const struct flow *flow)
{
	return flow->from == RELAY_UPSTREAM && flow->relay->answer.is_awaited;
}

/* Takes the answer off the bytes that wait; returns as read_answer(). */
static int
flow_read_answer(struct flow *flow)
{
	struct relay *relay = flow->relay;
	struct relay_answer *answer = &relay->answer;
	int error = -EAGAIN;

	while (error == -EAGAIN && pump_waiting(&flow->pump) > 0) {
		answer->bytes[answer->len++] = pump_take_byte(&flow->pump);
		error = relay->read_answer(relay);
	}
	answer->is_awaited = error == -EAGAIN;
	if (!error && relay->answered)
		relay->answered(relay);
	return error;
}

/* Upstream need not be gone, and the other thread may wait for it. */
static void
flow_refuse(struct flow *flow, int error)
{
	pump_drop(&flow->pump);
	flow_end_source(flow, error);
	signals_interrupt(atomic_load(&flow->relay->flow[flow->to].thread));
}

/* Bytes have been received. False if they refuse: the flow is over. */
static bool
flow_accept(struct flow *flow, ssize_t received)
{
	int error;

	flow->received += (uint64_t)received;
	relay_moved(flow->relay);
	if (!flow_awaits_answer(flow))
		return true;
	error = flow_read_answer(flow);
	if (!error || error == -EAGAIN)
		return true;
	flow_refuse(flow, -error);
	return false;
}

static bool
flow_has_part_of_answer(const struct flow *flow)
{
	return flow_awaits_answer(flow) && flow->relay->answer.len > 0;
}

/*
 * Only a refusal has more than one byte, and it stands without the rest. False
 * if that does not come: the flow is over or stopped.
 */
static bool
flow_await_rest(struct flow *flow)
{
	struct pollfd upstream = { .fd = flow->from_fd, .events = POLLIN };
	int ready;

	if (flow->rest_deadline == 0)
		flow->rest_deadline = deadline_after(RELAY_ANSWER_REST_MS);
	do {
		if (flow_must_stop(flow))
			return false;
		ready = poll(&upstream, 1, deadline_poll(flow->rest_deadline));
	} while (ready < 0);
	if (ready == 0)
		flow_refuse(flow, ECONNRESET);
	return ready > 0;
}

/* Without its answer, upstream has no stream that could end. */
static bool
flow_is_complete(const struct flow *flow)
{
	return !flow_awaits_answer(flow) && flow_take_end(flow);
}

/*
 * Returns the number of bytes that wait then, 0 at the end of the stream, or -1
 * if the flow is over or stopped.
 */
static ssize_t
flow_receive(struct flow *flow)
{
	while (!flow_must_stop(flow)) {
		ssize_t received;

		if (flow_has_part_of_answer(flow) && !flow_await_rest(flow))
			return -1;
		if (flow_is_alone(flow) && !flow_await(flow))
			return -1;
		received = pump_fill(&flow->pump, flow->from_fd);
		if (received > 0 && !flow_accept(flow, received))
			return -1;
		if (pump_waiting(&flow->pump) > 0)
			return (ssize_t)pump_waiting(&flow->pump);
		if (received == -EINTR || received > 0)
			continue;
		if (received == 0 && flow_is_complete(flow))
			return 0;
		flow_fail(flow, received);
		if (atomic_load(&flow->relay->ended))
			return -1;
	}
	return -1;
}

/*
 * True if the whole stream has been forwarded, false if the relay is over or
 * stopped.
 */
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

/*
 * The flow's stream has been forwarded, but its sender may still be reset while
 * the other flow is blocked, perhaps for long. POLLHUP reports the reset; it
 * also comes when the other flow has forwarded its FIN. Once the receiver has
 * ended its stream, the other flow blocks no more and ends alone.
 */
static void
flow_watch(struct flow *flow)
{
	struct relay *relay = flow->relay;
	struct pollfd ends[] = { { .fd = flow->from_fd },
		{ .fd = flow->to_fd } };

	while (!atomic_load(&relay->finished[flow->to])) {
		int ready = poll(ends, 2, (int)relay->slice_ms);

		if (flow_must_stop(flow))
			return;
		if (atomic_load(&relay->finished[flow->to]) ||
		    atomic_load(&relay->ended))
			return;
		if (ends[0].revents) {
			flow_end_source(flow, take_error(flow->from_fd));
			return;
		}
		if (ends[1].revents)
			return;
		if (ready == 0 && relay_note_wait(relay)) {
			flow_end_idle(flow);
			return;
		}
	}
}

/* Puts what waits in the pump where another thread can find it. */
static void
flow_save(struct flow *flow)
{
	if (pump_suspend(&flow->pump, &flow->relay->flow[flow->from].rest))
		return;
	relay_set_end(flow->relay, RELAY_FAILED, flow->from, ENOMEM);
	flow->is_stopped = false;
}

static void
flow_run(struct flow *flow)
{
	uint8_t buffer[PUMP_BUFFER_LEN];
	bool is_complete;

	pump_resume(&flow->pump, buffer, &flow->relay->flow[flow->from].rest);
	is_complete = flow_copy(flow);
	if (flow->is_stopped)
		flow_save(flow);
	pump_finish(&flow->pump);
	if (is_complete) {
		/*
		 * Set it before shutdown(2), whose POLLHUP makes the other flow
		 * look at it.
		 */
		relay_finish(flow->relay, flow->from);
		shutdown(flow->to_fd, SHUT_WR);
		flow->stage = RELAY_WATCHING;
		if (atomic_load(&flow->relay->has_settled))
			flow_watch(flow);
	}
}

static void
run_from(struct relay *relay, enum relay_side side)
{
	struct relay_flow *kept = &relay->flow[side];
	struct flow flow = {
		.relay = relay,
		.from = side,
		.to = !side,
		.from_fd = relay->fd[side],
		.to_fd = relay->fd[!side],
		.stage = kept->stage,
		.received = kept->received,
	};

	atomic_store(&kept->thread, signals_thread());
	if (flow.stage == RELAY_COPYING)
		flow_run(&flow);
	else if (flow.stage == RELAY_ENDING)
		flow_deliver(&flow);
	else if (flow.stage == RELAY_WATCHING)
		flow_watch(&flow);
	kept->received = flow.received;
	kept->stage = flow.is_stopped ? flow.stage : RELAY_LEFT;
	/* The thread may serve another relay next. */
	atomic_store(&kept->thread, 0);
	relay_leave(relay);
}

static void
run_up(void *argument)
{
	run_from(argument, RELAY_DOWNSTREAM);
}

static void
run_down(void *argument)
{
	run_from(argument, RELAY_UPSTREAM);
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
		relay->flow[0].stage = relay->flow[1].stage = RELAY_LEFT;
		relay_leave(relay);
		return;
	}
	run_from(relay, RELAY_DOWNSTREAM);
}

bool
relay_stop(struct relay *relay)
{
	atomic_store(&relay->stopping, true);
	if (atomic_load(&relay->is_still))
		return true;
	for (int side = 0; side < 2; side++) {
		pid_t thread = atomic_load(&relay->flow[side].thread);

		if (thread > 0)
			signals_interrupt(thread);
	}
	return false;
}

static void
start_surely(void (*run)(void *argument), struct relay *relay)
{
	while (thread_start(run, relay))
		poll(NULL, 0, RETRY_MS);
}

/* A relay of two flows that have left still has bytes to deliver. */
void
relay_resume(struct relay *relay)
{
	bool runs_up = relay->flow[RELAY_DOWNSTREAM].stage != RELAY_LEFT;
	bool runs_down = relay->flow[RELAY_UPSTREAM].stage != RELAY_LEFT;

	runs_up = runs_up || !runs_down;
	relay->stopping = relay->is_still = false;
	relay->running = runs_up + runs_down;
	if (runs_down)
		start_surely(run_down, relay);
	if (runs_up)
		start_surely(run_up, relay);
}
