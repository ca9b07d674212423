#include "trial.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deadline.h"
#include "outside.h"
#include "protocol.h"
#include "socket.h"

#define CONNECT_MS 3000
#define ANSWER_MS 2000
#define PACKET_MAX_LEN 128

/* RFC 791 and RFC 8200; a packet with extension headers is none of ours. */
#define V4_MIN_LEN 20
#define V4_PROTOCOL 9
#define V4_SOURCE 12
#define V6_LEN 40
#define V6_NEXT_HEADER 6
#define V6_SOURCE 8

/* Whatever of it is not there is -1. */
struct ends {
	int server_fd, listen_fd, packet_fd;
	const union address *user;
	uint16_t port; /* of the listener */
};

int
trial_connect(const struct config *config, const union address *server,
    const char **tried)
{
	int family = server->any.sa_family;
	int fd, error;

	*tried = "open a socket";
	fd = socket_open(family);
	if (fd < 0)
		return fd;
	error = egress_apply(&config->egress, fd, family, tried);
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

/* Where the server half is to connect to. */
static int
find_own(int fd, int family, union address *own)
{
	socklen_t len = sizeof(*own);

	if (getsockname(fd, &own->any, &len))
		return -errno;
	address_unmap(own);
	/* At the other end of a tunnel loopback is somebody else. */
	if (own->any.sa_family == family && !address_is_loopback(own) &&
	    !(family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&own->v6.sin6_addr)))
		return 0;
	return outside_find_own(family, own);
}

/* Whoever gets no answer there goes on to ask, so somebody listens. */
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

bool
trial_is_packet(
    const uint8_t *packet, size_t len, const union address *user, uint16_t port)
{
	bool is_v4 = user->any.sa_family == AF_INET;
	size_t raw_len, head_len = V6_LEN;
	const uint8_t *raw = address_raw(user, &raw_len);

	if (len < V4_MIN_LEN || packet[0] >> 4 != (is_v4 ? 4 : 6))
		return false;
	if (is_v4)
		head_len = (size_t)(packet[0] & 0xf) * 4;
	if (head_len < V4_MIN_LEN || len < head_len + 4)
		return false;
	return packet[is_v4 ? V4_PROTOCOL : V6_NEXT_HEADER] == IPPROTO_TCP &&
	    !memcmp(packet + (is_v4 ? V4_SOURCE : V6_SOURCE), raw, raw_len) &&
	    packet[head_len + 2] == port >> 8 &&
	    packet[head_len + 3] == (port & 0xff);
}

static bool
has_arrived(const struct ends *ends)
{
	uint8_t packet[PACKET_MAX_LEN];
	ssize_t len;

	while ((len = recv(ends->packet_fd, packet, sizeof(packet),
		    MSG_DONTWAIT)) >= 0) {
		if (trial_is_packet(
			packet, (size_t)len, ends->user, ends->port))
			return true;
	}
	return false;
}

/* The server half says nothing until the destination does. */
static enum trial_result
read_server(int fd)
{
	uint8_t byte;
	ssize_t len = recv(fd, &byte, sizeof(byte), MSG_DONTWAIT);

	return len < 0 ? TRIAL_REFUSED : TRIAL_STRANGE;
}

static enum trial_result
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
		if (polled[0].revents && has_arrived(ends))
			return TRIAL_ARRIVED;
		if (polled[1].revents)
			return TRIAL_ARRIVED;
		if (polled[2].revents)
			return read_server(ends->server_fd);
	}
	return TRIAL_TAKEN;
}

static int
send_request(const struct config *config, int fd, const union address *user,
    const union address *destination)
{
	struct request request = {
		.auth_len = sizeof(config->auth.bytes),
		.destination = *destination,
		.source = *user,
	};
	uint8_t data[PROTOCOL_REQUEST_MAX_LEN];

	memcpy(request.auth, config->auth.bytes, request.auth_len);
	return socket_send_all(fd, data, protocol_encode(&request, data));
}

int
trial_run(const struct config *config, int fd, const union address *user,
    union address *destination)
{
	int family = user->any.sa_family;
	uint16_t protocol = family == AF_INET ? ETH_P_IP : ETH_P_IPV6;
	struct ends ends = { .server_fd = fd, .user = user };
	int result = find_own(fd, family, destination);

	if (result)
		return result;
	ends.listen_fd = open_listener(destination);
	if (ends.listen_fd < 0)
		return ends.listen_fd;
	ends.port = address_port(destination);
	/* What validation of the source drops can be seen there: packet(7). */
	ends.packet_fd =
	    socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(protocol));
	result = send_request(config, fd, user, destination);
	if (!result)
		result = (int)await_result(&ends);
	close(ends.listen_fd);
	if (ends.packet_fd >= 0)
		close(ends.packet_fd);
	return result;
}
