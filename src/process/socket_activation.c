#include "process/socket_activation.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

int
socket_activation_count(void)
{
	long count = read_count();

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return count > INT_MAX - HANDOVER_FIRST_FD ? -EINVAL : (int)count;
}
