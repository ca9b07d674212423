#ifndef PROCESS_LIMITS_H
#define PROCESS_LIMITS_H

/*
 * The number of connections that the limits of this host allow. Each connection
 * costs two descriptors, two threads, two memory maps for each thread, and
 * memory. Bulk transfers use pipes as well, which are optional (pump.h) and get
 * a share.
 *
 * Descriptors and maps belong to this process alone. Threads and memory are
 * shared with other processes, and some of those start later: a login, another
 * instance.
 */

#include <stddef.h>

/* The share of a few browsers. */
#define LIMITS_FEW 100

struct limits_bound {
	size_t connections; /* 1 or more */
	char by[256];       /* the limit, as an operator knows it */
};

struct limits {
	size_t descriptors; /* of RLIMIT_NOFILE, without the reserve */
	/*
	 * With a share of descriptors for pipes, and a third of the shared
	 * resources left to others.
	 */
	struct limits_bound usual;
	/* Without pipes, and with nearly all threads and memory. */
	struct limits_bound most;
};

/*
 * Raises the descriptor limit as far as no privilege is needed: with two for
 * each connection, the usual 1,024 are soon used up.
 */
void limits_raise_descriptors(void);

/*
 * Reads the limits of this process from files below root, which is "" except in
 * tests. Resources that others use already are subtracted, so call this at
 * start.
 */
void limits_read(struct limits *limits, const char *root);

/* The number of pipes that can be open beside that many connections. */
size_t limits_pipes(const struct limits *limits, size_t connections);

/*
 * The limit of descriptors with which the program was started: the service
 * manager does not start it again with more.
 */
size_t limits_descriptors_at_exec(void);

#endif
