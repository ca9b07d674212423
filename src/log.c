#include "log.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "deadline.h"
#include "must.h"

#define LINE_MAX_LEN 1000
#define LIMIT_LINES 10
#define LIMIT_MS 10000

static struct {
	atomic_int level;
	int fd;
	bool is_socket;
	atomic_uint lost;
} sink = { LOG_LEVEL_INFO, STDERR_FILENO, false, 0 };

static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t limit_lock = PTHREAD_MUTEX_INITIALIZER;

/* Those that have ever kept something back, with limit_lock. */
static struct log_limit *limits;

void
log_set_level(enum log_level level)
{
	atomic_store(&sink.level, (int)level);
}

void
log_open(enum log_level level)
{
	struct stat status;
	int fd;

	log_set_level(level);
	if (fstat(STDERR_FILENO, &status))
		return;
	sink.is_socket = S_ISSOCK(status.st_mode);
	if (!S_ISFIFO(status.st_mode) || sink.fd != STDERR_FILENO)
		return;
	/*
	 * A description of our own, for O_NONBLOCK on the one that we were
	 * given would change it under everybody else who has it.
	 */
	fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		sink.fd = fd;
}

static bool
write_line(const char *line, size_t len)
{
	struct pollfd ready = { .fd = sink.fd, .events = POLLOUT };
	bool written;

	if (sink.is_socket)
		return send(sink.fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL) ==
		    (ssize_t)len;
	/* Two at once could both find the last room in a blocking pipe. */
	must(pthread_mutex_lock(&write_lock));
	written = poll(&ready, 1, 0) == 1 &&
	    write(sink.fd, line, len) == (ssize_t)len;
	must(pthread_mutex_unlock(&write_lock));
	return written;
}

/* What every line begins with; returns its length. */
static size_t
format_head(char *line, size_t size, const char *level)
{
	struct timespec now;
	struct tm utc;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	len = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &utc);
	len += (size_t)snprintf(line + len, size - len, ".%03ldZ %s ",
	    now.tv_nsec / 1000000, level);
	return len;
}

static void
report_lost(void)
{
	unsigned lost = atomic_exchange(&sink.lost, 0);
	char line[128];
	size_t len;

	if (lost == 0)
		return;
	len = format_head(line, sizeof(line), "warning");
	len += (size_t)snprintf(line + len, sizeof(line) - len,
	    "log-lost lines=%u reason=\"the log was not read\"\n", lost);
	if (!write_line(line, len))
		atomic_fetch_add(&sink.lost, lost);
}

static void __attribute__((format(printf, 2, 0)))
vlog(const char *level, const char *format, va_list arguments)
{
	char line[LINE_MAX_LEN + 1];
	size_t len = format_head(line, sizeof(line), level);
	int more = vsnprintf(line + len, sizeof(line) - len, format, arguments);

	if (more < 0)
		return;
	len += (size_t)more;
	if (len >= LINE_MAX_LEN)
		len = LINE_MAX_LEN - 1;
	line[len++] = '\n';
	report_lost();
	if (!write_line(line, len))
		atomic_fetch_add(&sink.lost, 1);
}

void
log_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vlog("error", format, arguments);
	va_end(arguments);
}

void
log_warning(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vlog("warning", format, arguments);
	va_end(arguments);
}

void
log_info(const char *format, ...)
{
	va_list arguments;

	if (atomic_load(&sink.level) < LOG_LEVEL_INFO)
		return;
	va_start(arguments, format);
	vlog("info", format, arguments);
	va_end(arguments);
}

static void
list_limit(struct log_limit *limit)
{
	if (limit->is_listed)
		return;
	limit->is_listed = true;
	limit->next = limits;
	limits = limit;
}

bool
log_limit_pass(struct log_limit *limit, unsigned *skipped)
{
	int64_t now = deadline_now();
	bool pass;

	must(pthread_mutex_lock(&limit_lock));
	if (now >= limit->window_ends) {
		limit->window_ends = now + LIMIT_MS;
		limit->passed = 0;
	}
	pass = limit->passed < LIMIT_LINES;
	if (pass) {
		limit->passed++;
		*skipped = limit->skipped;
		limit->skipped = 0;
	} else {
		limit->skipped++;
		list_limit(limit);
	}
	must(pthread_mutex_unlock(&limit_lock));
	return pass;
}

void
log_finish(void)
{
	must(pthread_mutex_lock(&limit_lock));
	for (struct log_limit *limit = limits; limit; limit = limit->next) {
		if (limit->skipped > 0)
			log_warning("not-shown lines=%u of=\"%s\"",
			    limit->skipped, limit->name);
		limit->skipped = 0;
	}
	must(pthread_mutex_unlock(&limit_lock));
}
