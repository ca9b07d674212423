#ifndef PROCESS_LIMITS_H
#define PROCESS_LIMITS_H

/*
 * How many connections the limits of this host allow. Each costs two
 * descriptors, two threads, two memory maps for each of these, and memory. Bulk
 * transfers have pipes as well, which are optional (pump.h) and get a share.
 *
 * Descriptors and maps are this process's own. Threads and memory others need
 * too, and some begin later: whoever logs in, another instance.
 */

#include <stddef.h>

/* A few browsers need more. */
#define CAPACITY_FEW 100

struct limits_bound {
	size_t connections; /* 1 or more */
	char by[256];       /* what allows no more, as an operator knows it */
};

struct limits {
	size_t descriptors; /* of RLIMIT_NOFILE, without the reserve */
	/* With that share left for pipes, and a third of what others need. */
	struct limits_bound usual;
	/* With no pipes at all, and nearly all threads and memory. */
	struct limits_bound most;
};

/*
 * As many descriptors as may be had without privileges: two for each
 * connection soon add up to more than the usual 1,024.
 */
void limits_raise_descriptors(void);

/*
 * Reads what applies to this process: files below root, which is "" but for
 * tests. What others use already counts, so it is to be done at start.
 */
void limits_read(struct limits *limits, const char *root);

/* How many pipes are left over when there are so many connections. */
size_t limits_pipes(const struct limits *limits, size_t connections);

#endif
