#ifndef EFFORT_H
#define EFFORT_H

/*
 * How much more work something is with more to do: a ratio of processor time
 * within one run, which no other program changes much.
 */

#include <stdint.h>
#include <time.h>

#define EFFORT_ROUNDS 5

static inline int64_t
effort_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* The best of some rounds: what disturbs a round only ever adds to it. */
static inline int64_t
effort_of(void (*work)(unsigned size), unsigned size)
{
	int64_t best = INT64_MAX;

	for (unsigned i = 0; i < EFFORT_ROUNDS; i++) {
		int64_t start = effort_now(), spent;

		work(size);
		spent = effort_now() - start;
		best = spent < best ? spent : best;
	}
	return best > 0 ? best : 1;
}

static inline double
effort_ratio(void (*work)(unsigned size), unsigned less, unsigned more)
{
	return (double)effort_of(work, more) / (double)effort_of(work, less);
}

#endif
