/*
 * Streams in one direction as fast as they go, each seen to its end: an upload
 * is complete when the server has counted as much as was sent, a download when
 * it ends without an error after we have ended our side.
 */

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "bulk.h"
#include "crew.h"

static void
finish(struct worker *worker, struct channel *channel, bool failed)
{
	worker_release(worker, channel, failed);
	worker->ended_ns = clock_ns();
}

static void
check_count(struct worker *worker, struct channel *channel)
{
	uint64_t counted;
	ssize_t len = recv(channel->fd, &counted, sizeof(counted), 0);

	if (len < 0 && errno == EAGAIN)
		return;
	finish(worker, channel,
	    len != sizeof(counted) || counted != channel->bytes);
}

static void
handle_upload(struct worker *worker, struct channel *channel)
{
	ssize_t len;

	if (channel->ended) {
		check_count(worker, channel);
		return;
	}
	len = bulk_send(channel->fd);
	if (len > 0) {
		channel->bytes += (uint64_t)len;
		worker->bytes += (uint64_t)len;
	} else if (errno != EAGAIN) {
		finish(worker, channel, true);
	}
}

static void
handle_download(struct worker *worker, struct channel *channel)
{
	ssize_t len = bulk_discard(channel->fd);

	if (len > 0)
		worker->bytes += (uint64_t)len;
	else if (len == 0)
		finish(worker, channel, !channel->ended);
	else if (errno != EAGAIN)
		finish(worker, channel, true);
}

static void
start(struct worker *worker, struct channel *channel)
{
	const char go = 0;

	worker_watch(
	    worker, channel, worker->options->down ? EPOLLIN : EPOLLOUT);
	if (worker->options->down &&
	    send(channel->fd, &go, 1, MSG_NOSIGNAL) != 1)
		finish(worker, channel, true);
}

static void
end(struct worker *worker, struct channel *channel)
{
	channel->ended = true;
	shutdown(channel->fd, SHUT_WR);
	worker_watch(worker, channel, EPOLLIN);
}

static void *
work(void *argument)
{
	struct worker *worker = argument;
	worker_function *handle =
	    worker->options->down ? handle_download : handle_upload;

	worker_for_each(worker, start);
	worker_handle_until(worker, worker->until_ns, handle);
	worker_for_each(worker, end);
	worker_handle_until(worker, worker->until_ns + GRACE_NS, handle);
	worker->failed += worker->live;
	return NULL;
}

void
stream(const struct options *options)
{
	struct crew crew;

	if (crew_open(&crew, options,
		options->down ? SERVICE_GENERATE : SERVICE_DISCARD)) {
		const struct worker *sum = crew_run(&crew, work);

		printf("{\"bytes\": %ju, \"failed\": %zu, "
		       "\"seconds\": %.6f}\n",
		    (uintmax_t)sum->bytes, sum->failed,
		    (double)(sum->ended_ns - crew.started_ns) / SECOND_NS);
		wait_to_be_let_go();
	}
	crew_close(&crew);
}
