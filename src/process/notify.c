#include "process/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

/* Wait for a bounded time only: the manager may hang. */
#define SEND_S 5

static int manager_fd = -1;

/*
 * Parses "/path", or "@name" for an abstract socket (unix(7)). Returns the
 * length, or 0 for other text.
 */
static socklen_t
parse_address(const char *text, struct sockaddr_un *address)
{
	size_t len = strlen(text);

	if ((*text != '/' && *text != '@') || len < 2 ||
	    len >= sizeof(address->sun_path))
		return 0;
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, text, len);
	if (*text == '@')
		address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

/* Returns a descriptor. */
static int
connect_to(const char *text)
{
	struct timeval wait = { .tv_sec = SEND_S };
	struct sockaddr_un address;
	socklen_t len = parse_address(text, &address);
	int fd, error;

	if (len == 0)
		return -EINVAL;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&address, len) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

void
notify_open(void)
{
	const char *text = getenv("NOTIFY_SOCKET");

	if (!text || !*text)
		return;
	manager_fd = connect_to(text);
	if (manager_fd < 0)
		log_warning("cannot reach the service manager at "
			    "NOTIFY_SOCKET=%.100s: %s",
		    text, strerror(-manager_fd));
}

static void
notify(const char *state)
{
	if (manager_fd >= 0 &&
	    send(manager_fd, state, strlen(state), MSG_NOSIGNAL) < 0)
		log_warning("cannot tell the service manager \"%.9s\": %s",
		    state, strerror(errno));
}

void
notify_ready(void)
{
	notify("READY=1");
}

void
notify_reloading(void)
{
	struct timespec now;
	char state[64];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
	    (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	notify(state);
}

void
notify_stopping(void)
{
	notify("STOPPING=1");
}

void
notify_status(const char *text)
{
	char state[256];

	if (manager_fd < 0)
		return;
	snprintf(state, sizeof(state), "STATUS=%s", text);
	notify(state);
}

void
notify_main_pid(pid_t pid)
{
	char state[32];

	snprintf(state, sizeof(state), "MAINPID=%ld", (long)pid);
	notify(state);
}
