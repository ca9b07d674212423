#include "doctor/port_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket.h"
#include "proxy/source_bind.h"

/* At least one is likely to be open or refused, not filtered. */
static const uint16_t ports[PROBE_PORTS] = { 443, 80, 53, 22, 179, 9 };

static int
begin(int fd, const union address *from, const union address *to)
{
	if (from && bind(fd, &from->any, address_len(from)))
		return -errno;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	if (connect(fd, &to->any, address_len(to)) && errno != EINPROGRESS &&
	    errno != ECONNREFUSED)
		return -errno;
	return 0;
}

int
port_probe_open(struct port_probe *probe, const union address *from,
    const union address *to)
{
	union address target = *to;
	int error = 0;

	probe->is_answered = false;
	for (size_t i = 0; i < PROBE_PORTS; i++)
		probe->fds[i] = -1;
	for (size_t i = 0; i < PROBE_PORTS && !error; i++) {
		int fd = from ? source_bind_open(from)
			      : socket_open(to->any.sa_family);

		if (fd < 0) {
			error = fd;
			break;
		}
		probe->fds[i] = fd;
		address_set_port(&target, ports[i]);
		error = begin(fd, from, &target);
	}
	if (error)
		port_probe_close(probe);
	return error;
}

/* SO_ERROR of the attempt: with any other error the host did not answer. */
static bool
is_answer(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error == 0 || error == ECONNREFUSED;
}

void
probe_watch(const struct port_probe *probe, struct pollfd *polled)
{
	for (size_t i = 0; i < PROBE_PORTS; i++)
		polled[i] = (struct pollfd){ probe->fds[i], POLLOUT, 0 };
}

void
probe_look(struct port_probe *probe, struct pollfd *polled)
{
	for (size_t i = 0; i < PROBE_PORTS; i++) {
		if (!polled[i].revents)
			continue;
		probe->is_answered |= is_answer(polled[i].fd);
		polled[i].fd = -1;
	}
}

void
port_probe_close(struct port_probe *probe)
{
	for (size_t i = 0; i < PROBE_PORTS; i++) {
		if (probe->fds[i] >= 0)
			close(probe->fds[i]);
		probe->fds[i] = -1;
	}
}
