#ifndef SINK_H
#define SINK_H

/*
 * Where the lines of the log go, and what each begins with there:
 *
 *	standard error		2026-01-31T12:00:00.000Z (in UTC)
 *	the same, the journal's	<6>, as it knows the time (sd-daemon(3))
 *	syslogd (RFC 3164)	<30>Jan 31 12:00:00 srcproxy[123]:
 *
 * Nobody ever waits for a sink. Any thread may write.
 */

#include <stdbool.h>
#include <stddef.h>

/* At least so much room is needed for what a line begins with. */
#define SINK_HEAD_MAX_LEN 64

/* One of these, once, before the first thread. Until then: standard error. */
void sink_open_stderr(void);

/*
 * syslog(3) itself would wait for a syslogd that does not read. Returns 0, or a
 * negative errno when nobody is at /dev/log yet: each line tries it again.
 */
int sink_open_syslog(void);

/* priority: of syslog(3), such as LOG_INFO. Returns the length. */
size_t sink_format_head(char head[SINK_HEAD_MAX_LEN], int priority);

/* A whole line with its newline, in one write; false if it is lost. */
bool sink_write(const char *line, size_t len);

#endif
