#ifndef CREW_H
#define CREW_H

/*
 * Open connections, divided among threads that each watch their own with
 * epoll(7). What the threads do with them is the mode's matter.
 */

#include "dial.h"

struct channel {
	int fd;          /* the dialer's; -1 once it is released */
	size_t got;      /* of the answer that is awaited */
	int64_t sent_ns; /* when it was asked for */
	uint64_t bytes;  /* of the stream */
	bool ended;      /* our side has */
};

struct worker {
	const struct options *options;
	int epoll_fd;
	struct channel *channels;
	size_t count;
	size_t live; /* channels that are not released */
	int64_t until_ns;

	/* What is reported. */
	size_t failed;
	struct histogram times; /* of round trips */
	uint64_t in_time;       /* those that ended before until_ns */
	uint64_t bytes;         /* of streams */
	int64_t ended_ns;       /* when the last of them did */
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
 * Opens the connections, says so, and waits for a line on standard input.
 * False at its end: then there is nothing to do but to close.
 */
bool crew_open(struct crew *crew, const struct options *options, char service);

/* Starts the clock. The first worker has the sums of all when this returns. */
const struct worker *crew_run(struct crew *crew, void *(*work)(void *));

void crew_close(struct crew *crew);

/* Sets for which events of epoll(7) the channel is handled; at first none. */
void worker_watch(
    struct worker *worker, struct channel *channel, uint32_t events);

/* It is handled no more. */
void worker_release(
    struct worker *worker, struct channel *channel, bool failed);

/* Those that are not released. */
void worker_for_each(struct worker *worker, worker_function *function);

/* Returns when it is that late, or no channel is left. */
void worker_handle_until(
    struct worker *worker, int64_t until_ns, worker_function *handle);

#endif
