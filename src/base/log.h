#ifndef BASE_LOG_H
#define BASE_LOG_H

/*
 * The log: one line an event, one write(2) a line. On standard error:
 *
 *	2026-01-31T12:00:00.000Z info listening address=[::]:9001
 *
 * sink.h has what it looks like elsewhere.
 *
 * Any thread may log. But for log_await() nobody waits for the log: a line that
 * its reader does not take at once is dropped, and the next one that gets through is
 * preceded by the count of those that were lost.
 */

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR, /* errors and warnings */
	LOG_LEVEL_INFO,  /* connections too */
};

/* One of these, once, before the first thread. */
void log_open(enum log_level level);
void log_open_syslog(enum log_level level);

/* For all lines from now on. */
void log_set_level(enum log_level level);

/* Formats as printf(3), cut at 1,000 bytes; adds time, level and newline. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether log_info() says anything: for who would format much in vain. */
bool log_shows_info(void);

/* What somebody has asked for, and gets at each level; as info. */
void log_answer(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Waits for a slow reader, until the deadline (deadline.h): before each line,
 * for who has many at once and keeps nobody waiting.
 */
void log_await(int64_t deadline);

/*
 * For lines that may repeat without end: true for the first ten in each ten
 * seconds. *skipped becomes the number passed over since the last true.
 * But for its name a limit begins as zeros. One that has a name is static, and
 * log_report_skipped() tells of it; the owner of another one does that.
 */
struct log_limit {
	const char *name;    /* of what it limits; or NULL */
	int64_t window_ends; /* of the monotonic clock, milliseconds */
	unsigned passed, skipped;
	bool is_listed;
	struct log_limit *next; /* in the list for log_report_skipped() */
};

bool log_limit_pass(struct log_limit *limit, unsigned *skipped);

/*
 * How many were passed over, for who tells of them: 0 while they may still be
 * counted by the next line that passes, unless it is the end.
 */
unsigned log_limit_take(struct log_limit *limit, bool is_end);

/* Tells what limits with a name have kept back in windows that are over. */
void log_report_skipped(bool is_end);

#endif
