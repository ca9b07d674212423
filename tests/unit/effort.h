#ifndef EFFORT_H
#define EFFORT_H

/*
 * How much more work something is with more to do: a ratio of processor time
 * within one run, which no other program changes much.
 */

#include <stdint.h>
#include <time.h>

#define EFFORT_ROUNDS 20

/* Of one run, in nanoseconds of this thread. */
static inline int64_t
effort_of(void (*work)(unsigned size), unsigned size)
{
	struct timespec start, end;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
	work(size);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	return (end.tv_sec - start.tv_sec) * INT64_C(1000000000) +
	    (end.tv_nsec - start.tv_nsec) + 1;
}

/*
 * How many times the work it is, by the best round of each: what else runs only
 * ever adds to a round. Ends as soon as it is below enough.
 */
static inline double
effort_ratio(
    void (*work)(unsigned size), unsigned less, unsigned more, double enough)
{
	int64_t least_less = INT64_MAX, least_more = INT64_MAX;
	double ratio = enough;

	for (unsigned i = 0; i < EFFORT_ROUNDS && ratio >= enough; i++) {
		int64_t spent = effort_of(work, less);

		least_less = spent < least_less ? spent : least_less;
		spent = effort_of(work, more);
		least_more = spent < least_more ? spent : least_more;
		ratio = (double)least_more / (double)least_less;
	}
	return ratio;
}

#endif
