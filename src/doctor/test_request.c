#include "doctor/test_request.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/deadline.h"
#include "doctor/external.h"
#include "kernel/capture.h"
#include "net/socket.h"
#include "proxy/protocol.h"

#define CONNECT_MS 3000
#define ANSWER_MS 2000

/* A descriptor that is not open is -1. */
struct ends {
	int server_fd, listen_fd, packet_fd;
	const union address *user, *own; /* own: of the listener */
};

int
test_request_connect(const struct config *config, const union address *server,
    const char **tried)
{
	int family = server->any.sa_family;
	int fd, error;

	*tried = "open a socket";
	fd = socket_open(family);
	if (fd < 0)
		return fd;
	error = local_bind_apply(&config->local_bind, fd, family, tried);
	if (!error) {
		*tried = "connect";
		error = socket_connect(
		    fd, server, deadline_after(CONNECT_MS), SOCKET_NO_PEER);
	}
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

/* Finds the address of this host that the server half must connect to. */
static int
find_own(int fd, int family, union address *own)
{
	socklen_t len = sizeof(*own);

	if (getsockname(fd, &own->any, &len))
		return -errno;
	address_unmap(own);
	/* At the other end of a tunnel, loopback means the other host. */
	if (own->any.sa_family == family && !address_is_loopback(own) &&
	    !(family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&own->v6.sin6_addr)))
		return 0;
	return external_find_own(family, own);
}

/* Opens a listener: without an answer the server's host would resend SYNs. */
static int
open_listener(union address *own)
{
	socklen_t len = sizeof(*own);
	int fd;

	address_set_port(own, 0);
	fd = socket_listen(own);
	if (fd >= 0 && getsockname(fd, &own->any, &len)) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

/*
 * The server half sends nothing until the destination does. A refusal is a
 * reset. The implementation in Go ends the stream instead, and ssh(1) and
 * stunnel(8) turn a reset into an end of stream.
 */
static enum test_request_result
read_server(int fd)
{
	uint8_t byte;
	ssize_t len = recv(fd, &byte, sizeof(byte), MSG_DONTWAIT);

	return len > 0 ? TEST_REQUEST_STRANGE : TEST_REQUEST_REFUSED;
}

static enum test_request_result
await_result(const struct ends *ends)
{
	int64_t deadline = deadline_after(ANSWER_MS);
	struct pollfd polled[] = {
		{ ends->packet_fd, POLLIN, 0 },
		{ ends->listen_fd, POLLIN, 0 },
		{ ends->server_fd, POLLIN, 0 },
	};

	while (deadline_left(deadline) > 0 &&
	    poll(polled, 3, deadline_poll(deadline)) > 0) {
		if (polled[0].revents &&
		    capture_have(ends->packet_fd, ends->user, ends->own))
			return TEST_REQUEST_ARRIVED;
		if (polled[1].revents)
			return TEST_REQUEST_ARRIVED;
		if (polled[2].revents)
			return read_server(ends->server_fd);
	}
	return TEST_REQUEST_TAKEN;
}

static int
send_request(const struct config *config, int fd, const union address *user,
    const union address *destination)
{
	struct request request = {
		.version = 1,
		.opcode = PROTOCOL_RELAY,
		.auth_len = sizeof(config->auth.bytes),
		.destination = *destination,
		.source = *user,
	};
	uint8_t data[PROTOCOL_REQUEST_MAX_LEN];

	memcpy(request.auth, config->auth.bytes, request.auth_len);
	return socket_send_all(fd, data, protocol_encode(&request, data));
}

int
test_request_run(const struct config *config, int packet_fd, int fd,
    const union address *user, union address *destination)
{
	int family = user->any.sa_family;
	struct ends ends = {
		.server_fd = fd, .packet_fd = packet_fd, .user = user
	};
	int result = find_own(fd, family, destination);

	if (result)
		return result;
	ends.listen_fd = open_listener(destination);
	if (ends.listen_fd < 0)
		return ends.listen_fd;
	ends.own = destination;
	ends.packet_fd = capture_begin(packet_fd);
	result = send_request(config, fd, user, destination);
	if (!result)
		result = (int)await_result(&ends);
	close(ends.listen_fd);
	return result;
}
