#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/deadline.h"
#include "base/log_output.h"
#include "base/must.h"
#include "base/unicode.h"

#define LINE_MAX_LEN 1000
#define LIMIT_LINES 10
#define LIMIT_MS 10000

struct kind {
	const char *name;
	int priority;
};

static const struct kind error = { "error", LOG_ERR };
static const struct kind warning = { "warning", LOG_WARNING };
static const struct kind info = { "info", LOG_INFO };

static atomic_int highest = LOG_LEVEL_INFO;
static atomic_uint lines_lost;
static pthread_mutex_t limit_lock = PTHREAD_MUTEX_INITIALIZER;

/* The limits that have ever skipped a line; guarded by limit_lock. */
static struct log_limit *limits;

void
log_set_level(enum log_level level)
{
	atomic_store(&highest, (int)level);
}

void
log_open(enum log_level level)
{
	log_set_level(level);
	log_output_open_stderr();
}

void
log_open_syslog(enum log_level level)
{
	int nobody;

	log_set_level(level);
	nobody = log_output_open_syslog();
	if (nobody)
		fprintf(stderr,
		    "srcproxy: warning: /dev/log: %s; the log is lost until "
		    "syslogd runs\n",
		    strerror(-nobody));
}

/* Writes the head of a line; returns its length. */
static size_t
format_head(char *line, size_t size, const struct kind *kind)
{
	size_t len = log_output_format_head(line, kind->priority);

	return len +
	    (size_t)snprintf(line + len, size - len, "%s ", kind->name);
}

static void
report_lost(void)
{
	unsigned lost = atomic_exchange(&lines_lost, 0);
	char line[LOG_OUTPUT_HEAD_MAX_LEN + 100];
	size_t len;

	if (lost == 0)
		return;
	len = format_head(line, sizeof(line), &warning);
	len += (size_t)snprintf(line + len, sizeof(line) - len,
	    "log-lost lines=%u reason=\"nobody read the log, or its disk was "
	    "full\"\n",
	    lost);
	if (!log_output_write(line, len))
		atomic_fetch_add(&lines_lost, lost);
}

static void __attribute__((format(printf, 2, 0)))
vlog(const struct kind *kind, const char *format, va_list arguments)
{
	char line[LINE_MAX_LEN + 1];
	size_t head = format_head(line, sizeof(line), kind), len;
	int more =
	    vsnprintf(line + head, sizeof(line) - head, format, arguments);

	if (more < 0)
		return;
	len = head + (size_t)more;
	if (len >= LINE_MAX_LEN)
		len = LINE_MAX_LEN - 1;
	/* Paths and names may hold any byte. */
	unicode_clean(line + head, len - head, unicode_is_visible);
	line[len++] = '\n';
	report_lost();
	if (!log_output_write(line, len))
		atomic_fetch_add(&lines_lost, 1);
}

void
log_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vlog(&error, format, arguments);
	va_end(arguments);
}

void
log_warning(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vlog(&warning, format, arguments);
	va_end(arguments);
}

bool
log_shows_info(void)
{
	return atomic_load(&highest) >= LOG_LEVEL_INFO;
}

void
log_info(const char *format, ...)
{
	va_list arguments;

	if (!log_shows_info())
		return;
	va_start(arguments, format);
	vlog(&info, format, arguments);
	va_end(arguments);
}

void
log_answer(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vlog(&info, format, arguments);
	va_end(arguments);
}

void
log_await(int64_t deadline)
{
	log_output_await(deadline);
}

static void
list_limit(struct log_limit *limit)
{
	if (limit->is_listed || !limit->name)
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

unsigned
log_limit_take(struct log_limit *limit, bool is_end)
{
	unsigned skipped = 0;

	must(pthread_mutex_lock(&limit_lock));
	if (is_end || deadline_now() >= limit->window_ends) {
		skipped = limit->skipped;
		limit->skipped = 0;
	}
	must(pthread_mutex_unlock(&limit_lock));
	return skipped;
}

/* Limits are only added, at the front. */
void
log_report_skipped(bool is_end)
{
	struct log_limit *limit;

	must(pthread_mutex_lock(&limit_lock));
	limit = limits;
	must(pthread_mutex_unlock(&limit_lock));
	for (; limit; limit = limit->next) {
		unsigned skipped = log_limit_take(limit, is_end);

		if (skipped > 0)
			log_warning("not-shown lines=%u of=\"%s\"", skipped,
			    limit->name);
	}
}
