#include "net/leg.h"

#include "base/deadline.h"
#include "net/socket.h"

int
leg_connect(const union address *server, const struct local_bind *local_bind,
    int64_t wait_ms, const char **tried)
{
	int family = server->any.sa_family;
	int fd, error;

	*tried = "open a socket";
	fd = socket_open(family);
	if (fd < 0)
		return fd;
	error = local_bind_apply(local_bind, fd, family, tried);
	if (!error) {
		*tried = "connect";
		error = socket_connect(
		    fd, server, deadline_after(wait_ms), SOCKET_NO_PEER);
	}
	if (!error)
		return fd;
	/* A server half takes a connection without a byte for none. */
	socket_close_gracefully(fd);
	return error;
}
