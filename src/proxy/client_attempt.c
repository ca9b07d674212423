#include "proxy/client_attempt.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/deadline.h"
#include "base/descriptor.h"
#include "config/config.h"
#include "net/congestion.h"
#include "net/fast_open.h"
#include "net/server_health.h"
#include "net/socket.h"
#include "proxy/client_request.h"
#include "proxy/first_words.h"
#include "proxy/server_version.h"

const char client_attempt_connecting[] = "connect to the server";

void
client_attempt_write_request(const struct connection *connection,
    const union address *server, struct client_opening *opening)
{
	const struct connection_facts *facts = &connection->facts;

	opening->version = server_version_choose(connection->config, server);
	opening->len = client_request_encode(connection->config,
	    opening->version, PROTOCOL_RELAY, &facts->source,
	    &facts->destination, opening->data);
}

/* Ends and errors are left to the relay. */
static void
add_early(struct connection *connection, struct client_opening *opening)
{
	ssize_t len;

	connection->awaits_answer = opening->version == 2;
	len = recv(connection->downstream_fd, opening->data + opening->len,
	    CLIENT_ATTEMPT_EARLY_LEN, MSG_DONTWAIT);

	if (len <= 0)
		return;
	connection->early = connection->received = (size_t)len;
	opening->len += (size_t)len;
}

/*
 * A user's first bytes follow the accepted handshake a moment later. Sent with
 * the SYN they are answered a round trip earlier, which is worth this moment.
 */
static void
await_early(struct connection *connection)
{
	uint16_t port = address_port(&connection->facts.destination);
	struct pollfd user = { .fd = connection->downstream_fd,
		.events = POLLIN };
	int patience_ms = fast_open_patience(&connection->server);

	if (patience_ms > 0 && first_words_expected(port))
		first_words_note(port, poll(&user, 1, patience_ms) > 0);
}

/*
 * A reset after the connection was made is for the relay to find out, which
 * first delivers what was said before it.
 */
static int
end_opening(const struct connection *connection, int fd, int error)
{
	socket_acknowledge_now(fd);
	if (error == -ECONNRESET || error == -EPIPE)
		error = 0;
	if (!error)
		congestion_keep(fd, connection->config->leg.congestion);
	return error;
}

static int
send_opening(
    struct connection *connection, int fd, struct client_opening *opening)
{
	add_early(connection, opening);
	return end_opening(
	    connection, fd, socket_send_all(fd, opening->data, opening->len));
}

int
client_attempt_send(struct connection *connection, int fd)
{
	struct client_opening opening;

	connection->tried = "send the request to the server";
	client_attempt_write_request(connection, &connection->server, &opening);
	return send_opening(connection, fd, &opening);
}

int
client_attempt_send_early(
    struct connection *connection, uint8_t version, int fd)
{
	struct client_opening opening = { .version = version };

	return send_opening(connection, fd, &opening);
}

int
client_attempt_open(struct connection *connection)
{
	int family = connection->server.any.sa_family;
	int fd, error;

	connection->tried = "open a socket to the server";
	fd = socket_open(family);
	if (fd < 0)
		return fd;
	error = local_bind_apply(
	    &connection->config->local_bind, fd, family, &connection->tried);
	if (error)
		return descriptor_or_error(fd, error);
	congestion_set(fd, connection->config->leg.congestion);
	socket_delay_acknowledgements(fd);
	return fd;
}

/* When silence is worth a line in the log. */
static int64_t
first_look(int64_t deadline)
{
	return deadline_first(
	    deadline, deadline_after(SERVER_HEALTH_SILENT_MS));
}

/*
 * The error of an attempt at its first look: true if it goes on. The log then
 * tells of the silence while the user still waits.
 */
static bool
goes_on(struct connection *connection, int fd, int error, int64_t deadline)
{
	if (error != -ETIMEDOUT || deadline_left(deadline) == 0 ||
	    !socket_is_connecting(fd))
		return false;
	server_health_failed(&connection->server, -ETIMEDOUT);
	return true;
}

/* By Fast Open, where the SYN may still have to be sent. */
static int
send_fast(struct connection *connection, int fd, int64_t deadline)
{
	struct client_opening opening;
	int user_fd = connection->downstream_fd, error;

	await_early(connection);
	client_attempt_write_request(connection, &connection->server, &opening);
	add_early(connection, &opening);
	error = fast_open_send(fd, &connection->server, opening.data,
	    opening.len, first_look(deadline), user_fd);
	if (goes_on(connection, fd, error, deadline))
		error = fast_open_await(fd, &connection->server, opening.data,
		    opening.len, deadline, user_fd);
	return end_opening(connection, fd, error);
}

int
client_attempt_alone(struct connection *connection, int fd, int64_t deadline)
{
	int user_fd = connection->downstream_fd, error;
	bool fast = connection->config->leg.fast_open &&
	    fast_open_begin(fd, &connection->server);

	connection->tried = client_attempt_connecting;
	error = socket_connect(
	    fd, &connection->server, first_look(deadline), user_fd);
	if (goes_on(connection, fd, error, deadline))
		error = socket_await_connected(fd, deadline, user_fd);
	if (!error && fast)
		return send_fast(connection, fd, deadline);
	return error ? error : client_attempt_send(connection, fd);
}
