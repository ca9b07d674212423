#include "process/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/log.h"
#include "base/passing.h"

/* Wait for a bounded time only: the manager may hang. */
#define SEND_S 5
#define AWAIT_MS 20000

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
	int fd;

	if (len == 0)
		return -EINVAL;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	return descriptor_or_error(
	    fd, connect(fd, (struct sockaddr *)&address, len) ? -errno : 0);
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

bool
notify_is_open(void)
{
	return manager_fd >= 0;
}

/* FDPOLL=0: otherwise what is reset meanwhile vanishes without a word. */
int
notify_store(const int *fds, size_t count)
{
	static const char state[] =
	    "FDSTORE=1\nFDNAME=" NOTIFY_STORED "\nFDPOLL=0";
	ssize_t sent =
	    passing_send_fds(manager_fd, state, strlen(state), fds, count);

	return sent < 0 ? (int)sent : 0;
}

void
notify_forget_stored(void)
{
	notify("FDSTOREREMOVE=1\nFDNAME=" NOTIFY_STORED);
}

/* The manager closes its end of the pipe. */
bool
notify_await(void)
{
	static const char state[] = "BARRIER=1";
	struct pollfd end = { .events = 0 };
	int pipe[2], ready;
	ssize_t sent;

	if (pipe2(pipe, O_CLOEXEC))
		return false;
	sent = passing_send_fds(manager_fd, state, strlen(state), &pipe[1], 1);
	close(pipe[1]);
	end.fd = pipe[0];
	ready = sent < 0 ? -1 : poll(&end, 1, AWAIT_MS);
	close(pipe[0]);
	return ready > 0;
}
