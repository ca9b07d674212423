#include "problems.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"

static char path[64];
static char reported[64 * 1024];
static size_t reported_len;

const char *
problems_file(const char *text, size_t len)
{
	int fd;

	strcpy(path, "/tmp/srcproxy-test-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
	return path;
}

void
problems_forget_file(void)
{
	unlink(path);
}

void
problems_report(bool fatal, const char *problem)
{
	size_t path_len = strlen(path);

	ck_assert_msg(
	    !strncmp(problem, path, path_len) && problem[path_len] == ':',
	    "no path: %s", problem);
	reported_len += (size_t)snprintf(reported + reported_len,
	    sizeof(reported) - reported_len, "%s%s%s",
	    reported_len > 0 ? " | " : "",
	    fatal ? "" : "not fatal: ", problem + path_len + 1);
	ck_assert_uint_lt(reported_len, sizeof(reported));
}

const char *
problems_reported(void)
{
	reported[reported_len] = '\0';
	reported_len = 0;
	return reported;
}
