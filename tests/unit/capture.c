#include "capture.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"

int
capture_pipe(int size)
{
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_ge(fcntl(ends[1], F_SETPIPE_SZ, size), size);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	return ends[0];
}

int
capture_socket(void)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	return ends[0];
}

const char *
capture_read(int fd)
{
	static char text[256 * 1024];
	ssize_t len = read(fd, text, sizeof(text) - 1);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

const char *
capture_untimed(const char *line)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ ";
	size_t len = strlen(shape);

	ck_assert_msg(strlen(line) >= len, "no time: %s", line);
	for (size_t i = 0; i < len; i++) {
		if (shape[i] == 'd')
			ck_assert_msg(isdigit((unsigned char)line[i]),
			    "no time: %s", line);
		else
			ck_assert_msg(line[i] == shape[i], "no time: %s", line);
	}
	return line + len;
}
