#ifndef HISTOGRAM_H
#define HISTOGRAM_H

/*
 * Counts times, in nanoseconds, in buckets that are at most 1/64 of their value
 * wide: percentiles of any number of samples in fixed memory.
 */

#include <stdint.h>

#define HISTOGRAM_STEP_BITS 6
#define HISTOGRAM_STEPS (1 << HISTOGRAM_STEP_BITS)

struct histogram {
	uint64_t counts[HISTOGRAM_STEPS * (64 - HISTOGRAM_STEP_BITS + 1)];
	uint64_t total;
};

void histogram_add(struct histogram *histogram, uint64_t ns);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* In microseconds; 0 if there are no samples. */
double histogram_percentile(const struct histogram *histogram, double percent);

#endif
