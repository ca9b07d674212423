#include "base/log_output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/must.h"

enum log_output_kind {
	LOG_OUTPUT_STREAM, /* a file, a pipe, a terminal */
	LOG_OUTPUT_SOCKET, /* standard error, and a socket */
	LOG_OUTPUT_JOURNAL,
	LOG_OUTPUT_SYSLOG,
};

static struct {
	enum log_output_kind kind;
	int fd;
	pid_t pid;
	bool is_torn; /* its last line has no end; guarded by write_lock */
} output = { .kind = LOG_OUTPUT_STREAM, .fd = STDERR_FILENO };

static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;

/*
 * systemd.exec(5): JOURNAL_STREAM holds the device and inode of the journal's
 * socket. Check that standard error still is that socket.
 */
static bool
is_journal(const struct stat *status)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[64];

	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)status->st_dev,
	    (uintmax_t)status->st_ino);
	return stream && !strcmp(stream, own);
}

void
log_output_open_stderr(void)
{
	struct stat status;
	int fd;

	if (fstat(STDERR_FILENO, &status))
		return;
	if (S_ISSOCK(status.st_mode))
		output.kind = is_journal(&status) ? LOG_OUTPUT_JOURNAL
						  : LOG_OUTPUT_SOCKET;
	if (output.fd != STDERR_FILENO ||
	    (!S_ISFIFO(status.st_mode) && !isatty(STDERR_FILENO)))
		return;
	/*
	 * Open a file description of our own: O_NONBLOCK on the inherited one
	 * would change it for every process that shares it.
	 */
	fd = open(
	    "/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		output.fd = fd;
}

/* May be called again, to find the socket of a new syslogd. */
static int
connect_syslog(void)
{
	static const struct sockaddr_un address = { AF_UNIX, "/dev/log" };

	return connect(output.fd, (const struct sockaddr *)&address,
		   sizeof(address))
	    ? -errno
	    : 0;
}

int
log_output_open_syslog(void)
{
	output.kind = LOG_OUTPUT_SYSLOG;
	output.pid = getpid();
	/* Read the time zone now: the sandbox may hide its file later. */
	tzset();
	output.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return output.fd < 0 ? -errno : connect_syslog();
}

static size_t
format_utc(char *head, const struct timespec *now)
{
	struct tm utc;
	size_t len;

	gmtime_r(&now->tv_sec, &utc);
	len =
	    strftime(head, LOG_OUTPUT_HEAD_MAX_LEN, "%Y-%m-%dT%H:%M:%S", &utc);
	return len +
	    (size_t)snprintf(head + len, LOG_OUTPUT_HEAD_MAX_LEN - len,
		".%03ldZ ", now->tv_nsec / 1000000);
}

static size_t
format_rfc3164(char *head, const struct timespec *now, int priority)
{
	char when[sizeof("Jan 31 12:00:00")] = "";
	struct tm local;

	localtime_r(&now->tv_sec, &local);
	strftime(when, sizeof(when), "%b %e %H:%M:%S", &local);
	return (size_t)snprintf(head, LOG_OUTPUT_HEAD_MAX_LEN,
	    "<%d>%s srcproxy[%d]: ", LOG_DAEMON | priority, when,
	    (int)output.pid);
}

size_t
log_output_format_head(char head[LOG_OUTPUT_HEAD_MAX_LEN], int priority)
{
	struct timespec now;

	if (output.kind == LOG_OUTPUT_JOURNAL)
		return (size_t)snprintf(
		    head, LOG_OUTPUT_HEAD_MAX_LEN, "<%d>", priority);
	clock_gettime(CLOCK_REALTIME, &now);
	if (output.kind == LOG_OUTPUT_SYSLOG)
		return format_rfc3164(head, &now, priority);
	return format_utc(head, &now);
}

static bool
send_line(const char *line, size_t len)
{
	return send(output.fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	    (ssize_t)len;
}

/*
 * A full queue is no reason to connect again; any other error means that this
 * syslogd is gone.
 */
static bool
send_syslog(const char *line, size_t len)
{
	if (send_line(line, len))
		return true;
	if (errno == EAGAIN || errno == ENOBUFS || errno == EMSGSIZE)
		return false;
	return connect_syslog() == 0 && send_line(line, len);
}

/* One thread at a time: otherwise one would send while another one connects. */
static bool
write_syslog(const char *line, size_t len)
{
	bool written;

	must(pthread_mutex_lock(&write_lock));
	written = send_syslog(line, len);
	must(pthread_mutex_unlock(&write_lock));
	return written;
}

/*
 * A full disk or a terminal may take only a part of the line. The caller holds
 * write_lock.
 */
static bool
write_line(const char *line, size_t len)
{
	ssize_t written;

	if (output.is_torn && write(output.fd, "\n", 1) != 1)
		return false;
	written = write(output.fd, line, len);
	output.is_torn = written > 0 && written < (ssize_t)len;
	return written == (ssize_t)len;
}

static bool
write_stream(const char *line, size_t len)
{
	struct pollfd ready = { .fd = output.fd, .events = POLLOUT };
	bool written;

	/*
	 * Without the lock, two threads could both find the last room in a
	 * blocking pipe, and one would block.
	 */
	must(pthread_mutex_lock(&write_lock));
	written = poll(&ready, 1, 0) == 1 && write_line(line, len);
	must(pthread_mutex_unlock(&write_lock));
	return written;
}

/*
 * A pipe is ready until it is full, and other threads then lose their lines. A
 * socket is ready only while most of its buffer is free.
 */
static bool
has_room_for_others(void)
{
	int size = fcntl(output.fd, F_GETPIPE_SZ), unread;

	return size < 0 || ioctl(output.fd, FIONREAD, &unread) ||
	    unread <= size / 2;
}

void
log_output_await(int64_t deadline)
{
	struct pollfd ready = { .fd = output.fd, .events = POLLOUT };

	/* No event tells that a pipe is half empty. */
	while (poll(&ready, 1, deadline_poll(deadline)) == 1 &&
	    ready.revents == POLLOUT && !has_room_for_others() &&
	    deadline_left(deadline) > 0)
		poll(NULL, 0, 1);
}

bool
log_output_write(const char *line, size_t len)
{
	switch (output.kind) {
	case LOG_OUTPUT_SYSLOG:
		/* A datagram needs no newline. */
		return write_syslog(line, len - 1);
	case LOG_OUTPUT_SOCKET:
	case LOG_OUTPUT_JOURNAL:
		return send_line(line, len);
	default:
		return write_stream(line, len);
	}
}
