#ifndef CREW_H
#define CREW_H

/*
 * Open connections, divided among threads. Each thread watches its own with
 * epoll(7); the mode says what it does with them.
 */

#include "dial.h"

struct channel {
	int fd;          /* the dialer's; -1 once it is released */
	size_t got;      /* bytes of the awaited answer */
	int64_t sent_ns; /* when the request was sent */
	uint64_t bytes;  /* bytes of the stream */
	bool ended;      /* our side has ended it */
};

struct worker {
	const struct options *options;
	int epoll_fd;
	struct channel *channels;
	size_t count;
	size_t live; /* channels that are not released */
	int64_t until_ns;

	/* The results. */
	size_t failed;
	struct histogram times; /* of round trips */
	uint64_t in_time;       /* round trips that ended before until_ns */
	uint64_t bytes;         /* of streams */
	int64_t ended_ns;       /* when the last stream ended */
};

struct crew {
	struct dialer dialer;
	struct channel *channels;
	struct worker *workers;
	size_t worker_count;
	int64_t started_ns;
};

typedef void worker_function(struct worker *worker, struct channel *channel);

/*
 * Opens the connections, prints that, and waits for a line on standard input.
 * Returns false at the end of the input: then the caller only has to close
 * them.
 */
bool crew_open(struct crew *crew, const struct options *options, char service);

/*
 * Starts the clock and runs the workers. Returns the first worker, which then
 * has the sums of all.
 */
const struct worker *crew_run(struct crew *crew, void *(*work)(void *));

void crew_close(struct crew *crew);

/* Sets the epoll(7) events for which the channel is handled; none at first. */
void worker_watch(
    struct worker *worker, struct channel *channel, uint32_t events);

/* Stops handling the channel. */
void worker_release(
    struct worker *worker, struct channel *channel, bool failed);

/* For all channels that are not released. */
void worker_for_each(struct worker *worker, worker_function *function);

/* Returns at that time, or when no channel is left. */
void worker_handle_until(
    struct worker *worker, int64_t until_ns, worker_function *handle);

#endif
