#ifndef BASE_LOG_H
#define BASE_LOG_H

/*
 * The log: one line an event, one write(2) a line. On standard error:
 *
 *	2026-01-31T12:00:00.000Z info listening address=[::]:9001
 *
 * log_output.h shows the lines of the other outputs.
 *
 * Any thread may log. No thread waits for the log unless log_await() is called.
 * A line that the reader does not take at once is dropped, and the next line
 * that gets through is preceded by the count of the lost ones.
 */

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR, /* errors and warnings */
	LOG_LEVEL_INFO,  /* connections too */
};

/* Call one of these, once, before the first thread. */
void log_open(enum log_level level);
void log_open_syslog(enum log_level level);

/* For all lines from now on. */
void log_set_level(enum log_level level);

/* Formats as printf(3), cut at 1,000 bytes; adds time, level and newline. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether log_info() prints; lets a caller skip costly formatting. */
bool log_shows_info(void);

/* An answer to an operator's request: printed at each level, as info. */
void log_answer(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Waits for a slow reader before each line from now on, until the deadline
 * (deadline.h). For a caller that prints many lines at once and holds up no
 * connection.
 */
void log_await(int64_t deadline);

/*
 * A limit for lines that may repeat without end: true for the first ten in each
 * ten seconds. *skipped becomes the number of lines skipped since the last
 * true. A limit starts as zeros, except for its name. A limit with a name is
 * static and log_report_skipped() reports it; the owner of a limit without a
 * name reports it.
 */
struct log_limit {
	const char *name;    /* of the limited lines; or NULL */
	int64_t window_ends; /* of the monotonic clock, milliseconds */
	unsigned passed, skipped;
	bool is_listed;
	struct log_limit *next; /* in the list for log_report_skipped() */
};

bool log_limit_pass(struct log_limit *limit, unsigned *skipped);

/*
 * Returns the number of skipped lines and clears it, so that the caller can
 * report it. Returns 0 while the window is open, since the next line that
 * passes may still report them; is_end overrides that.
 */
unsigned log_limit_take(struct log_limit *limit, bool is_end);

/* Reports the lines that named limits skipped in windows that are over. */
void log_report_skipped(bool is_end);

#endif
