#ifndef BASE_LOG_OUTPUT_H
#define BASE_LOG_OUTPUT_H

/*
 * The output of the log, and the head of a line there:
 *
 *	standard error		2026-01-31T12:00:00.000Z (in UTC)
 *	the journal		<6>, as it knows the time (sd-daemon(3))
 *	syslogd (RFC 3164)	<30>Jan 31 12:00:00 srcproxy[123]:
 *
 * No thread waits for the output, except in log_output_await(). Any thread may
 * write.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The least room that the head of a line needs. */
#define LOG_OUTPUT_HEAD_MAX_LEN 64

/*
 * Call one of these, once, before the first thread. Until then lines go to
 * standard error.
 */
void log_output_open_stderr(void);

/*
 * Does not use syslog(3), which waits for a syslogd that does not read. Returns
 * 0, or a negative errno when nobody is at /dev/log yet: each line tries it
 * again.
 */
int log_output_open_syslog(void);

/* priority: of syslog(3), such as LOG_INFO. Returns the length. */
size_t log_output_format_head(char head[LOG_OUTPUT_HEAD_MAX_LEN], int priority);

/*
 * Waits until the output may take a line and, if it is a pipe, at least half of
 * it is free for the lines of other threads, or the deadline (deadline.h) has
 * passed. For a caller that writes many lines and holds up no connection.
 */
void log_output_await(int64_t deadline);

/* A whole line with its newline, in one write; false if it is lost. */
bool log_output_write(const char *line, size_t len);

#endif
