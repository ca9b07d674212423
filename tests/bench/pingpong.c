/*
 * Round trips: each connection sends a message, waits for the whole echo, and
 * sends the next one. It waits for echoes beyond the measured time, otherwise
 * the slow ones would be missing from the results.
 */

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "crew.h"

#define MESSAGE_MAX_LEN 65536

static void
ask(struct worker *worker, struct channel *channel)
{
	static const char message[MESSAGE_MAX_LEN];
	size_t len = worker->options->message_len;

	channel->got = 0;
	channel->sent_ns = clock_ns();
	if (send(channel->fd, message, len, MSG_NOSIGNAL) != (ssize_t)len)
		worker_release(worker, channel, true);
}

static void
handle_answer(struct worker *worker, struct channel *channel)
{
	size_t missing = worker->options->message_len - channel->got;
	ssize_t len = recv(channel->fd, NULL, missing, MSG_TRUNC);
	int64_t now;

	if (len < 0 && errno == EAGAIN)
		return;
	if (len <= 0) {
		worker_release(worker, channel, true);
		return;
	}
	channel->got += (size_t)len;
	if ((size_t)len < missing)
		return;
	now = clock_ns();
	histogram_add(&worker->times, (uint64_t)(now - channel->sent_ns));
	if (now >= worker->until_ns) {
		worker_release(worker, channel, false);
		return;
	}
	worker->in_time++;
	ask(worker, channel);
}

static void
start(struct worker *worker, struct channel *channel)
{
	worker_watch(worker, channel, EPOLLIN);
	ask(worker, channel);
}

static void *
work(void *argument)
{
	struct worker *worker = argument;

	worker_for_each(worker, start);
	worker_handle_until(worker, worker->until_ns + GRACE_NS, handle_answer);
	worker->failed += worker->live;
	return NULL;
}

/*
 * The time that half as many round trips took as there are connections. If all
 * of them stand still once, it is the median of how long.
 */
static double
median_pause(const struct worker *sum)
{
	double slow = (double)sum->options->connections / 2;
	double all = (double)sum->times.total;

	return slow < all
	    ? histogram_percentile(&sum->times, 100 - 100 * slow / all)
	    : 0;
}

static void
report(const struct worker *sum)
{
	const struct histogram *times = &sum->times;

	printf("{\"round_trips\": %ju, \"failed\": %zu, \"per_s\": %.1f, "
	       "\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, "
	       "\"pause_us\": %.1f, \"max_us\": %.1f}\n",
	    (uintmax_t)times->total, sum->failed,
	    (double)sum->in_time * SECOND_NS /
		(double)sum->options->duration_ns,
	    histogram_percentile(times, 50), histogram_percentile(times, 99),
	    histogram_percentile(times, 99.9), median_pause(sum),
	    histogram_percentile(times, 100));
}

void
make_round_trips(const struct options *options)
{
	struct crew crew;

	if (options->message_len > MESSAGE_MAX_LEN)
		errx(1, "a message has at most %d bytes", MESSAGE_MAX_LEN);
	if (crew_open(&crew, options, SERVICE_ECHO)) {
		report(crew_run(&crew, work));
		wait_to_be_let_go();
	}
	crew_close(&crew);
}
