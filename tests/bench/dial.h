#ifndef DIAL_H
#define DIAL_H

/*
 * Makes connections, several at a time, and asks each for a service, which must
 * answer. It runs in one thread.
 */

#include "histogram.h"
#include "load.h"

struct attempt {
	int fd;
	int64_t started_ns;
	bool asked; /* for the service */
};

struct dialer {
	const struct options *options;
	char service;
	int epoll_fd;
	struct attempt *attempts;
	size_t parallel;
	size_t next_port; /* of options->port_count */
	int64_t started_ns;

	/*
	 * Either a number of connections, which are kept, or until a time,
	 * which are closed.
	 */
	size_t wanted;
	int *kept_fds;
	int64_t until_ns;

	size_t begun, under_way;
	size_t established, failed;
	size_t late;            /* established after until_ns */
	int64_t ended_ns;       /* when the last one was established */
	struct histogram times; /* from the start of connecting to the answer */
};

/* Opens options->connections; the dialer owns them until it is finished. */
void dialer_open(
    struct dialer *dialer, const struct options *options, char service);

/*
 * Makes and closes connections, that many in parallel, for the duration. The
 * ports are divided among count dialers; this one is number first.
 */
void dialer_repeat(struct dialer *dialer, const struct options *options,
    size_t parallel, size_t number, size_t count);

void dialer_finish(struct dialer *dialer);

#endif
