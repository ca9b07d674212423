#ifndef BASE_LOG_OUTPUT_H
#define BASE_LOG_OUTPUT_H

/*
 * Where the lines of the log go, and what each begins with there:
 *
 *	standard error		2026-01-31T12:00:00.000Z (in UTC)
 *	the same, the journal's	<6>, as it knows the time (sd-daemon(3))
 *	syslogd (RFC 3164)	<30>Jan 31 12:00:00 srcproxy[123]:
 *
 * Nobody waits for a sink who does not ask for it. Any thread may write.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* At least so much room is needed for what a line begins with. */
#define LOG_OUTPUT_HEAD_MAX_LEN 64

/* One of these, once, before the first thread. Until then: standard error. */
void log_output_open_stderr(void);

/*
 * syslog(3) itself would wait for a syslogd that does not read. Returns 0, or a
 * negative errno when nobody is at /dev/log yet: each line tries it again.
 */
int log_output_open_syslog(void);

/* priority: of syslog(3), such as LOG_INFO. Returns the length. */
size_t log_output_format_head(char head[LOG_OUTPUT_HEAD_MAX_LEN], int priority);

/*
 * Waits until the sink may take a line, or the deadline (deadline.h) has
 * passed: for who has many to write at once, and holds up nobody.
 */
void log_output_await(int64_t deadline);

/* A whole line with its newline, in one write; false if it is lost. */
bool log_output_write(const char *line, size_t len);

#endif
