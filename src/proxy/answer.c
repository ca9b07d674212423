#include "proxy/answer.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/deadline.h"
#include "base/wall_clock.h"
#include "net/socket.h"

/* How long a refusal waits until the peer has its reason. */
#define TAKEN_MS 2000

/* As many bytes as a peer sends at once (RFC 6928). */
#define REST_MAX_LEN 16384

enum protocol_status
answer_status_of(int error)
{
	switch (error) {
	case -EPROTO:
		return PROTOCOL_MALFORMED;
	case -ETIME:
		return PROTOCOL_CLOCK_OFF;
	case -EALREADY:
		return PROTOCOL_REPLAY;
	case -ENOTUNIQ:
		return PROTOCOL_SOURCE_DENIED;
	case -EDQUOT:
		return PROTOCOL_LIMITED;
	case -ENOSPC:
	case -ENOBUFS:
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
	case -EAGAIN:
		return PROTOCOL_EXHAUSTED;
	case -ECONNREFUSED:
	case -ECONNRESET:
		return PROTOCOL_REFUSED;
	case -EHOSTUNREACH:
		return PROTOCOL_UNREACHABLE;
	case -ETIMEDOUT:
		return PROTOCOL_TIMED_OUT;
	default:
		return PROTOCOL_NETWORK_FAILURE;
	}
}

/* The buffer of a socket that has sent nothing yet has room for all. */
static int
send_status(int fd, enum protocol_status status, int flags)
{
	uint8_t bytes[1 + PROTOCOL_TIME_LEN] = { (uint8_t)status };
	size_t len = 1;
	ssize_t sent;

	if (status == PROTOCOL_CLOCK_OFF) {
		protocol_encode_time(wall_clock_now(), bytes + 1);
		len += PROTOCOL_TIME_LEN;
	}
	do
		sent =
		    send(fd, bytes, len, flags | MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/*
 * Without more data the relay sends the byte when it settles (relay/state.c), or
 * the kernel when it would retransmit. A peer that has reset the connection is
 * left to the relay, which first delivers what that peer said before. In no case
 * may the stream follow without the byte: its first one would be taken for it.
 */
int
answer_connected(int fd)
{
	int error = send_status(fd, PROTOCOL_CONNECTED, MSG_MORE);

	if (error != -ECONNRESET && error != -EPIPE)
		return error;
	shutdown(fd, SHUT_WR);
	return 0;
}

/* With bytes that nobody has read close(2) resets all the same (tcp(7)). */
void
answer_checked(int fd)
{
	uint8_t rest[REST_MAX_LEN];

	send_status(fd, PROTOCOL_CONNECTED, 0);
	recv(fd, rest, sizeof(rest), MSG_DONTWAIT);
	socket_set_graceful(fd, true);
}

void
answer_refused(int fd, enum protocol_status status)
{
	send_status(fd, status, 0);
}

void
answer_await_taken(int fd, const atomic_bool *stop)
{
	socket_await_acknowledged(fd, deadline_after(TAKEN_MS), stop);
}
