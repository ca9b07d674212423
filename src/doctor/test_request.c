#include "doctor/test_request.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/deadline.h"
#include "doctor/trace.h"
#include "kernel/capture.h"
#include "net/leg.h"
#include "net/socket.h"
#include "proxy/client_request.h"

#define CONNECT_MS 3000
#define CONNECT_ATTEMPTS 5
#define ANSWER_MS (TEST_REQUEST_ANSWER_S * 1000)

/* A descriptor that is not open is -1. */
struct ends {
	int server_fd, listen_fd, packet_fd;
};

int
test_request_connect(const struct config *config, const union address *server,
    const char **tried)
{
	int fd = -ECONNRESET;

	/*
	 * A half that refuses at once may reset the connection before connect(2)
	 * has returned on a busy host.
	 */
	for (int i = 0; i < CONNECT_ATTEMPTS && fd == -ECONNRESET; i++)
		fd =
		    leg_connect(server, &config->local_bind, CONNECT_MS, tried);
	return fd;
}

/*
 * Finds the address that this host's packets to the outside have. connect(2) on
 * a datagram socket sends no packet.
 */
static int
find_outer(int family, union address *own)
{
	const union address external = trace_external(family);
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*own);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, &external.any, address_len(&external)) ||
	    getsockname(fd, &own->any, &len))
		error = -errno;
	close(fd);
	return error;
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
	return find_outer(family, own);
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
 * Version 1: the server half sends nothing until the destination does. A
 * refusal is a reset. The implementation in Go ends the stream instead, and
 * ssh(1) and stunnel(8) turn a reset into an end of stream.
 */
static enum test_request_result
read_server(struct test_request *test, int fd)
{
	ssize_t len =
	    recv(fd, test->answer, sizeof(test->answer), MSG_DONTWAIT);

	test->has_ended = len == 0;
	if (len <= 0)
		return TEST_REQUEST_REFUSED;
	test->answer_len = (size_t)len;
	return test->version == 2 ? TEST_REQUEST_DENIED : TEST_REQUEST_STRANGE;
}

static bool
is_connected(const struct test_request *test)
{
	return test->answer_len > 0 &&
	    client_answer_read(test->answer, test->answer_len) == 0;
}

static enum test_request_result
await_result(struct test_request *test, const struct ends *ends)
{
	int64_t deadline = deadline_after(ANSWER_MS);
	struct pollfd polled[] = {
		{ ends->packet_fd, POLLIN, 0 },
		{ ends->listen_fd, POLLIN, 0 },
		{ ends->server_fd, POLLIN, 0 },
	};

	while (deadline_left(deadline) > 0 &&
	    poll(polled, 3, deadline_poll(deadline)) > 0) {
		enum test_request_result result;

		if (polled[0].revents &&
		    capture_have(
			ends->packet_fd, &test->user, &test->destination))
			return TEST_REQUEST_ARRIVED;
		if (polled[1].revents)
			return TEST_REQUEST_ARRIVED;
		if (!polled[2].revents)
			continue;
		result = read_server(test, ends->server_fd);
		if (!is_connected(test))
			return result;
		/* What it connected to is not here, or was not seen yet. */
		polled[2].fd = -1;
	}
	return TEST_REQUEST_TAKEN;
}

static int
send_request(
    const struct test_request *test, int fd, enum protocol_opcode opcode)
{
	uint8_t data[PROTOCOL_REQUEST_MAX_LEN];
	uint8_t version = opcode == PROTOCOL_CHECK ? 2 : test->version;
	size_t len = client_request_encode(test->config, version, opcode,
	    &test->user, &test->destination, data);

	return socket_send_all(fd, data, len);
}

/* Behind the answer to a check there is nothing. */
static bool
is_end(int fd, int64_t deadline)
{
	struct pollfd server = { .fd = fd, .events = POLLIN };
	uint8_t byte;

	return poll(&server, 1, deadline_poll(deadline)) <= 0 ||
	    recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) <= 0;
}

/*
 * No answer came. Unless protocol forbids it, users' connections speak version
 * 1 until one does, so the request does as well.
 */
static int
note_unanswered(struct test_request *test, int error)
{
	test->is_silent = error == -ETIMEDOUT;
	test->has_ended = error == -ENODATA;
	if (!test->is_silent && !test->has_ended && error != -ECONNRESET &&
	    error != -EPIPE)
		return error;
	if (test->version == 0 && test->config->protocol == PROTOCOL_AUTO) {
		test->version = 1;
		return TEST_REQUEST_TAKEN;
	}
	if (test->is_silent)
		return TEST_REQUEST_SILENT;
	return test->version == 2 ? TEST_REQUEST_REFUSED : TEST_REQUEST_OLD;
}

/*
 * Asks whether the server half would connect, if it speaks version 2. Returns
 * TEST_REQUEST_TAKEN if the request is to be sent.
 */
static int
ask(struct test_request *test, int fd)
{
	int64_t deadline = deadline_after(ANSWER_MS);
	int error = send_request(test, fd, PROTOCOL_CHECK);

	if (!error)
		error = client_answer_receive(
		    fd, deadline, test->answer, &test->answer_len);
	if (test->answer_len == 0)
		return note_unanswered(test, error);
	test->version = 2;
	if (!is_end(fd, deadline))
		return TEST_REQUEST_STRANGE;
	return is_connected(test) ? TEST_REQUEST_TAKEN : TEST_REQUEST_DENIED;
}

static int
run_request(struct test_request *test, struct ends *ends)
{
	int result = send_request(test, ends->server_fd, PROTOCOL_RELAY);

	test->answer_len = 0;
	return result ? result : (int)await_result(test, ends);
}

/* The check took the connection: the request needs one of its own. */
static int
run_both(struct test_request *test, struct ends *ends)
{
	int result = ask(test, ends->server_fd);

	if (result != TEST_REQUEST_TAKEN)
		return result;
	ends->server_fd =
	    test_request_connect(test->config, test->server, &test->tried);
	if (ends->server_fd < 0)
		return ends->server_fd;
	test->tried = NULL;
	result = run_request(test, ends);
	close(ends->server_fd);
	return result;
}

int
test_request_run(struct test_request *test, int fd)
{
	struct ends ends = { .server_fd = fd };
	int result = find_own(fd, test->user.any.sa_family, &test->destination);

	if (result)
		return result;
	ends.listen_fd = open_listener(&test->destination);
	if (ends.listen_fd < 0)
		return ends.listen_fd;
	ends.packet_fd = capture_begin(test->packet_fd);
	if (test->config->protocol == PROTOCOL_ONLY_1)
		test->version = 1;
	test->answer_len = 0;
	test->tried = NULL;
	result = test->version == 1 ? run_request(test, &ends)
				    : run_both(test, &ends);
	close(ends.listen_fd);
	return result;
}
