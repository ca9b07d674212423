#include "crew.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS 256
#define TICK_MS 20

static void
control(struct worker *worker, int operation, struct channel *channel,
    uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = channel };

	if (epoll_ctl(worker->epoll_fd, operation, channel->fd, &event))
		err(1, "epoll_ctl");
}

void
worker_watch(struct worker *worker, struct channel *channel, uint32_t events)
{
	control(worker, EPOLL_CTL_MOD, channel, events);
}

void
worker_release(struct worker *worker, struct channel *channel, bool failed)
{
	control(worker, EPOLL_CTL_DEL, channel, 0);
	channel->fd = -1;
	worker->live--;
	if (failed)
		worker->failed++;
}

void
worker_for_each(struct worker *worker, worker_function *function)
{
	for (size_t i = 0; i < worker->count; i++)
		if (worker->channels[i].fd >= 0)
			function(worker, &worker->channels[i]);
}

void
worker_handle_until(
    struct worker *worker, int64_t until_ns, worker_function *handle)
{
	struct epoll_event events[EVENTS];

	while (worker->live > 0 && clock_ns() < until_ns) {
		int count =
		    epoll_wait(worker->epoll_fd, events, EVENTS, TICK_MS);

		for (int i = 0; i < count; i++)
			handle(worker, events[i].data.ptr);
	}
}

static void
worker_init(struct worker *worker, struct crew *crew, size_t number)
{
	const struct dialer *dialer = &crew->dialer;
	size_t count = crew->worker_count;
	size_t first = dialer->established * number / count;
	size_t end = dialer->established * (number + 1) / count;

	worker->options = dialer->options;
	worker->channels = crew->channels + first;
	worker->count = worker->live = end - first;
	worker->until_ns = crew->started_ns + dialer->options->duration_ns;
	worker->ended_ns = crew->started_ns;
	worker->epoll_fd = epoll_create1(0);
	if (worker->epoll_fd < 0)
		err(1, "epoll_create1");
	for (size_t i = first; i < end; i++) {
		crew->channels[i].fd = dialer->kept_fds[i];
		control(worker, EPOLL_CTL_ADD, &crew->channels[i], 0);
	}
}

static void
worker_add(struct worker *sum, const struct worker *worker)
{
	sum->failed += worker->failed;
	sum->bytes += worker->bytes;
	sum->in_time += worker->in_time;
	histogram_merge(&sum->times, &worker->times);
	if (sum->ended_ns < worker->ended_ns)
		sum->ended_ns = worker->ended_ns;
}

bool
crew_open(struct crew *crew, const struct options *options, char service)
{
	struct dialer *dialer = &crew->dialer;

	crew->worker_count = options->threads;
	crew->channels = calloc(options->connections, sizeof(*crew->channels));
	crew->workers = calloc(crew->worker_count, sizeof(*crew->workers));
	if (!crew->channels || !crew->workers)
		err(1, "calloc");
	dialer_open(dialer, options, service);
	printf("{\"open\": %zu, \"failed\": %zu, \"seconds\": %.6f}\n",
	    dialer->established, dialer->failed,
	    (double)(dialer->ended_ns - dialer->started_ns) / SECOND_NS);
	return told_to_go_on();
}

const struct worker *
crew_run(struct crew *crew, void *(*work)(void *))
{
	crew->started_ns = clock_ns();
	for (size_t i = 0; i < crew->worker_count; i++)
		worker_init(&crew->workers[i], crew, i);
	run_workers(
	    crew->workers, crew->worker_count, sizeof(*crew->workers), work);
	for (size_t i = 0; i < crew->worker_count; i++) {
		close(crew->workers[i].epoll_fd);
		if (i > 0)
			worker_add(&crew->workers[0], &crew->workers[i]);
	}
	return &crew->workers[0];
}

void
crew_close(struct crew *crew)
{
	dialer_finish(&crew->dialer);
	free(crew->workers);
	free(crew->channels);
}
