#include "histogram.h"

#include <stddef.h>

#define BUCKETS (sizeof(((struct histogram *)0)->counts) / sizeof(uint64_t))

/* Small values have a bucket each; above, each power of two has 64 buckets. */
static size_t
bucket_of(uint64_t ns)
{
	unsigned shift;

	if (ns < HISTOGRAM_STEPS)
		return ns;
	shift = 63 - (unsigned)__builtin_clzll(ns) - HISTOGRAM_STEP_BITS;
	return shift * HISTOGRAM_STEPS + (ns >> shift);
}

static double
middle_of(size_t bucket)
{
	size_t shift;

	if (bucket < 2 * HISTOGRAM_STEPS)
		return (double)bucket;
	shift = bucket / HISTOGRAM_STEPS - 1;
	return ((double)(bucket - shift * HISTOGRAM_STEPS) + 0.5) *
	    (double)(UINT64_C(1) << shift);
}

void
histogram_add(struct histogram *histogram, uint64_t ns)
{
	histogram->counts[bucket_of(ns)]++;
	histogram->total++;
}

void
histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (size_t i = 0; i < BUCKETS; i++)
		into->counts[i] += from->counts[i];
	into->total += from->total;
}

double
histogram_percentile(const struct histogram *histogram, double percent)
{
	double wanted = (double)histogram->total * percent / 100;
	uint64_t seen = 0;

	for (size_t i = 0; i < BUCKETS; i++) {
		seen += histogram->counts[i];
		if (seen > 0 && (double)seen >= wanted)
			return middle_of(i) / 1000;
	}
	return 0;
}
