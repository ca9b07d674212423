#ifndef BASE_DURATION_H
#define BASE_DURATION_H

/*
 * Spans of time as Go writes them: "5m", "1h30m", "1.5h", "300ms", "0".
 * Units are ns, us (also µs, μs), ms, s, m and h.
 */

#include <stdbool.h>
#include <stdint.h>

/* The longest span that fits the int of poll(2): about 24 days. */
#define DURATION_MAX_MS INT32_MAX

/*
 * Reads text into *ms, rounded up to whole milliseconds. The caller cuts values
 * above DURATION_MAX_MS. False for any other text, for a negative span and for
 * a span of 292 years or more.
 */
bool duration_parse(const char *text, int64_t *ms);

#endif
