#ifndef BASE_DURATION_H
#define BASE_DURATION_H

/*
 * Spans of time as Go writes them: "5m", "1h30m", "1.5h", "300ms", "0".
 * Units are ns, us (also µs, μs), ms, s, m and h.
 */

#include <stdbool.h>
#include <stdint.h>

/* Some 24 days: the longest that fits the int of poll(2). */
#define DURATION_MAX_MS INT32_MAX

/*
 * Reads text into *ms, rounded up to whole milliseconds; what is more than
 * DURATION_MAX_MS is for the caller to cut. False for anything else, a negative
 * span, and one of 292 years or more.
 */
bool duration_parse(const char *text, int64_t *ms);

#endif
