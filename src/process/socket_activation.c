#include "process/socket_activation.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process/notify.h"

/* SD_LISTEN_FDS_START: the others follow it. */
#define FIRST_FD 3

/* Reads a decimal number; -EINVAL for other text. */
static long
parse_number(const char *text)
{
	long number;

	if (!*text || strspn(text, "0123456789") != strlen(text))
		return -EINVAL;
	errno = 0;
	number = strtol(text, NULL, 10);
	return errno ? -EINVAL : number;
}

static long
read_count(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	long wanted;

	if (!pid || !count)
		return 0;
	wanted = parse_number(pid);
	if (wanted < 0)
		return wanted;
	return wanted == getpid() ? parse_number(count) : 0;
}

/* The name at *names, which moves on to the next one. */
static bool
is_next_stored(const char **names)
{
	size_t len = strcspn(*names, ":");
	bool is_stored = len == strlen(NOTIFY_STORED) &&
	    strncmp(*names, NOTIFY_STORED, len) == 0;

	*names += len + ((*names)[len] == ':');
	return is_stored;
}

/* Stored ones fill the array from its end. */
static int
sort(struct socket_activation *given, int total, const char *names)
{
	given->fds = malloc(((size_t)total + 1) * sizeof(int));
	if (!given->fds)
		return -ENOMEM;
	for (int i = 0; i < total; i++) {
		int fd = FIRST_FD + i;

		if (is_next_stored(&names))
			given->fds[total - ++given->stored_count] = fd;
		else
			given->fds[given->count++] = fd;
	}
	return 0;
}

int
socket_activation_read(struct socket_activation *given)
{
	const char *names = getenv("LISTEN_FDNAMES");
	long total = read_count();
	int error;

	*given = (struct socket_activation){ 0 };
	if (total > INT_MAX - FIRST_FD)
		total = -EINVAL;
	error = total < 0 ? (int)total
			  : sort(given, (int)total, names ? names : "");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return error;
}
