/* Makes new connections, a number of them at a time, for the given time. */

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "dial.h"

struct worker {
	const struct options *options;
	size_t number, count;
	struct dialer dialer;
};

static void *
work(void *argument)
{
	struct worker *worker = argument;
	const struct options *options = worker->options;
	size_t first = options->connections * worker->number / worker->count;
	size_t end =
	    options->connections * (worker->number + 1) / worker->count;

	dialer_repeat(&worker->dialer, options, end - first, worker->number,
	    worker->count);
	return NULL;
}

/*
 * The rate is that of the measured time, even if the last connections came
 * later.
 */
static void
report(struct worker *workers, size_t count)
{
	struct dialer *sum = &workers[0].dialer;

	for (size_t i = 1; i < count; i++) {
		const struct dialer *dialer = &workers[i].dialer;

		sum->established += dialer->established;
		sum->late += dialer->late;
		sum->failed += dialer->failed;
		histogram_merge(&sum->times, &dialer->times);
	}
	printf("{\"established\": %zu, \"failed\": %zu, \"per_s\": %.1f, "
	       "\"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f}\n",
	    sum->established, sum->failed,
	    (double)(sum->established - sum->late) * SECOND_NS /
		(double)sum->options->duration_ns,
	    histogram_percentile(&sum->times, 50),
	    histogram_percentile(&sum->times, 99),
	    histogram_percentile(&sum->times, 100));
}

void
make_connections(const struct options *options)
{
	size_t count = options->threads < options->connections
	    ? options->threads
	    : options->connections;
	struct worker *workers = calloc(count, sizeof(*workers));

	if (!workers)
		err(1, "calloc");
	for (size_t i = 0; i < count; i++) {
		workers[i].options = options;
		workers[i].number = i;
		workers[i].count = count;
	}
	run_workers(workers, count, sizeof(*workers), work);
	report(workers, count);
	for (size_t i = 0; i < count; i++)
		dialer_finish(&workers[i].dialer);
	free(workers);
}
