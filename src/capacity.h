#ifndef CAPACITY_H
#define CAPACITY_H

/*
 * How many connections the limits of this host allow. Each costs two
 * descriptors, two threads, and two memory maps for each of these. Bulk
 * transfers have pipes as well, which are optional (pump.h) and get a share.
 */

#include <stddef.h>

struct capacity {
	size_t descriptors;   /* of RLIMIT_NOFILE, without the reserve */
	size_t connections;   /* with that share left for pipes; 1 or more */
	size_t most;          /* with no pipes at all; 1 or more */
	char bounded_by[256]; /* what allows no more, as an operator knows it */
};

/*
 * As many descriptors as may be had without privileges: two for each
 * connection soon add up to more than the usual 1,024.
 */
void capacity_raise_descriptors(void);

/*
 * Reads what applies to this process: files below root, which is "" but for
 * tests. What others use already counts, so it is to be done at start.
 */
void capacity_read(struct capacity *capacity, const char *root);

/* How many pipes are left over when there are so many connections. */
size_t capacity_pipes(const struct capacity *capacity, size_t connections);

#endif
