#include "proxy/client_connect.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/descriptor.h"
#include "config/config.h"
#include "net/fast_open.h"
#include "net/server_health.h"
#include "net/socket.h"
#include "proxy/client_attempt.h"

/* The "Connection Attempt Delay" of RFC 8305. */
#define NEXT_MS 300

/* How long to wait for the answer of one of several servers. */
#define RACE_MAX_MS 10000

/*
 * Attempts to connect to several addresses. ends[0] is the user, who may give
 * up; the others are the attempts that go on, in the order in which they began.
 */
struct race {
	struct connection *connection;
	int fast_fd;                   /* the attempt by Fast Open; -1: none */
	struct client_opening request; /* that went with its SYN; or nothing */
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	size_t count, next;
	bool all_away;
	int64_t deadline;
	struct pollfd ends[1 + ENDPOINT_MAX_ADDRESSES];
	const union address *servers[1 + ENDPOINT_MAX_ADDRESSES];
	size_t end_count;
	int error; /* the last one */
};

/* The attempt on that address has failed; another may still succeed. */
static void
note_error(struct race *race, const union address *server, int error)
{
	race->error = error;
	if (race->count > 1 && server_health_concerns(error))
		server_health_failed(server, error);
}

/* The next attempt may get the same descriptor. */
static void
close_attempt(struct race *race, const union address *server, int fd, int error)
{
	if (fd == race->fast_fd)
		race->fast_fd = -1;
	close(fd);
	note_error(race, server, error);
}

/*
 * Call it when the last attempt begins: servers that were all away a moment ago
 * get NEXT_MS from then on, however long the host took to ask the others.
 */
static int64_t
last_end(const struct race *race)
{
	return race->all_away
	    ? deadline_first(race->deadline, deadline_after(NEXT_MS))
	    : race->deadline;
}

static int
finish_alone(struct race *race)
{
	struct connection *connection = race->connection;
	int fd;

	connection->server = race->addresses[race->next++];
	fd = client_attempt_open(connection);
	if (fd >= 0)
		fd = descriptor_or_error(
		    fd, client_attempt_alone(connection, fd, last_end(race)));
	if (fd < 0)
		note_error(race, &connection->server, fd);
	return fd;
}

/* Without a byte it is no connection for a server half. */
static void
end_attempts(struct race *race)
{
	for (size_t i = 1; i < race->end_count; i++)
		socket_close_gracefully(race->ends[i].fd);
	race->end_count = 1;
}

/*
 * Ends the other attempts. Servers that were asked before this one have not
 * answered for a while.
 */
static void
win(struct race *race, const union address *server, int fd)
{
	struct connection *connection = race->connection;

	for (size_t i = 1; i < race->end_count; i++) {
		if (race->servers[i] < server && !race->all_away)
			server_health_doubt(race->servers[i],
			    &connection->config->local_bind,
			    race->ends[i].fd == race->fast_fd);
	}
	end_attempts(race);
	connection->server = *server;
	if (race->next > 1 || race->all_away)
		socket_set_send_timeout(fd, SOCKET_WAIT_MS);
}

static int
go_on(struct race *race, const union address *server, int fd)
{
	race->servers[race->end_count] = server;
	race->ends[race->end_count++] =
	    (struct pollfd){ .fd = fd, .events = POLLOUT };
	return -EINPROGRESS;
}

/*
 * The request goes with the SYN, so that the server half connects to the
 * destination a round trip earlier. The user's bytes do not: the SYN may arrive
 * although no answer to it does, and then the next server gets them. For the
 * destination that is one connection more, which ends without a byte.
 */
static int
ask_fast(struct race *race, const union address *server, int fd)
{
	struct connection *connection = race->connection;
	int error;

	client_attempt_write_request(connection, server, &race->request);
	error =
	    fast_open_send(fd, server, race->request.data, race->request.len,
		deadline_after(NEXT_MS), connection->downstream_fd);
	if (error == -ETIMEDOUT && socket_is_connecting(fd))
		return go_on(race, server, fd);
	if (!error || error == -ECONNRESET || error == -EPIPE) {
		win(race, server, fd);
		return descriptor_or_error(fd,
		    client_attempt_send_early(
			connection, race->request.version, fd));
	}
	close_attempt(race, server, fd, error);
	return error == -ECONNABORTED ? error : -EINPROGRESS;
}

/* The attempt has succeeded. Returns its descriptor. */
static int
finish_attempt(struct race *race, const union address *server, int fd)
{
	struct connection *connection = race->connection;
	int error = 0;

	win(race, server, fd);
	if (fd != race->fast_fd || race->request.len == 0)
		return descriptor_or_error(
		    fd, client_attempt_send(connection, fd));
	error = fast_open_await(fd, server, race->request.data,
	    race->request.len, DEADLINE_NEVER, SOCKET_NO_PEER);
	if (!error)
		error = client_attempt_send_early(
		    connection, race->request.version, fd);
	return descriptor_or_error(fd, error);
}

/*
 * Begins the next attempt. The first one waits in connect(2), as nearly all
 * succeed there; the others must not, as one that has begun may be answered.
 * Returns the winner's descriptor, or -EINPROGRESS, also if this one failed.
 */
static int
begin_next(struct race *race)
{
	const union address *server = &race->addresses[race->next++];
	struct connection *connection = race->connection;
	bool is_first = race->next == 1 && !race->all_away;
	int fd;

	connection->server = *server;
	fd = client_attempt_open(connection);
	if (fd < 0) {
		note_error(race, server, fd);
		return -EINPROGRESS;
	}
	if (race->end_count > 1 || race->all_away)
		socket_set_send_timeout(fd, 1);
	if (is_first && connection->config->leg.fast_open &&
	    fast_open_begin(fd, server))
		race->fast_fd = fd;
	connection->tried = client_attempt_connecting;
	if (connect(fd, &server->any, address_len(server)) == 0)
		return fd == race->fast_fd && fast_open_is_deferred(fd)
		    ? ask_fast(race, server, fd)
		    : finish_attempt(race, server, fd);
	if (errno == EINPROGRESS || errno == EINTR)
		return go_on(race, server, fd);
	close_attempt(race, server, fd, -errno);
	return -EINPROGRESS;
}

static int
take_end(struct race *race, size_t i)
{
	int fd = race->ends[i].fd;

	for (race->end_count--; i < race->end_count; i++) {
		race->ends[i] = race->ends[i + 1];
		race->servers[i] = race->servers[i + 1];
	}
	return fd;
}

/* Returns the winner's descriptor, or -EINPROGRESS if there is none yet. */
static int
take_ready(struct race *race)
{
	size_t i = 1;

	while (i < race->end_count) {
		const union address *server = race->servers[i];
		int fd, error;

		if (!race->ends[i].revents) {
			i++;
			continue;
		}
		fd = take_end(race, i);
		error =
		    socket_await_connected(fd, DEADLINE_NEVER, SOCKET_NO_PEER);
		if (!error)
			return finish_attempt(race, server, fd);
		close_attempt(race, server, fd, error);
	}
	return -EINPROGRESS;
}

/*
 * Waits until an attempt ends, or the time is over. Like the functions below it
 * returns -EINPROGRESS while nothing is decided.
 */
static int
await_any(struct race *race, int64_t until)
{
	int ready = poll(race->ends, race->end_count, deadline_poll(until));

	if (ready < 0 && errno != EINTR)
		return -errno;
	if (ready <= 0)
		return -EINPROGRESS;
	return race->ends[0].revents ? -ECONNABORTED : take_ready(race);
}

/* Waits until one wins, the time is over, or all have failed. */
static int
await_winner(struct race *race, int64_t until)
{
	int fd = -EINPROGRESS;

	while (fd == -EINPROGRESS && race->end_count > 1 &&
	    deadline_left(until) > 0)
		fd = await_any(race, until);
	return fd;
}

/* All have begun. The log tells of their silence while the user still waits. */
static int
await_last(struct race *race)
{
	int64_t end = last_end(race);
	int fd = await_winner(
	    race, deadline_first(end, deadline_after(SERVER_HEALTH_SILENT_MS)));

	if (fd != -EINPROGRESS)
		return fd;
	for (size_t i = 1; i < race->end_count; i++)
		note_error(race, race->servers[i], -ETIMEDOUT);
	fd = await_winner(race, end);
	return fd == -EINPROGRESS ? race->error : fd;
}

/* Servers that were all away a moment ago are asked at the same time. */
static int
begin_all(struct race *race)
{
	int fd = -EINPROGRESS;

	while (fd == -EINPROGRESS && race->next < race->count) {
		int64_t next = deadline_after(NEXT_MS);

		if (race->end_count == 1 && race->next + 1 == race->count)
			return finish_alone(race);
		fd = begin_next(race);
		if (fd == -EINPROGRESS && !race->all_away &&
		    race->next < race->count)
			fd = await_winner(race, next);
	}
	return fd;
}

/* A name may have addresses that local_addr has no use for. */
static size_t
keep_usable(
    const struct local_bind *local_bind, union address *addresses, size_t count)
{
	int family = local_bind->address.any.sa_family;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (count == 1 || family == AF_UNSPEC ||
		    family == addresses[i].any.sa_family)
			addresses[kept++] = addresses[i];
	}
	return kept;
}

/* Finds the addresses to try; if there is none the connection has the reason. */
static void
find_servers(struct race *race)
{
	struct connection *connection = race->connection;
	const struct config *config = connection->config;
	size_t count;

	connection->tried = "resolve the server's name";
	connection->reason =
	    endpoint_list_resolve(&config->servers, race->addresses, &count);
	race->count = keep_usable(&config->local_bind, race->addresses, count);
	if (count > 0 && race->count == 0)
		connection->reason = "no address of the server is of the "
				     "family of outbound.local_addr";
}

/*
 * Refuses our own connection to a server, which the firewall redirected to us:
 * a loop.
 */
static int
refuse_redirected_self(const struct race *race)
{
	struct connection *connection = race->connection;

	for (size_t i = 0; i < race->count; i++) {
		if (!address_equal(
			&race->addresses[i], &connection->facts.destination))
			continue;
		connection->tried = "check the destination";
		connection->reason =
		    "the destination is the server half itself; exempt "
		    "its address and port from the redirection";
		return -ELOOP;
	}
	return 0;
}

static void
set_pace(struct race *race)
{
	const struct config *config = race->connection->config;

	race->deadline = deadline_after(config->timeout_ms);
	if (race->count < 2)
		return;
	race->all_away = server_health_sort(race->addresses, race->count,
			     &config->local_bind) == 0;
	race->deadline =
	    deadline_first(race->deadline, deadline_after(RACE_MAX_MS));
}

static void
explain(const struct race *race, int error)
{
	struct connection *connection = race->connection;

	if (error == -EADDRNOTAVAIL &&
	    connection->tried == client_attempt_connecting)
		connection->reason = "no port is left towards the server; "
				     "widen net.ipv4.ip_local_port_range";
	else if (race->count > 1 && server_health_concerns(error))
		connection->reason = "none of the servers answers; the lines "
				     "server-away have the reasons";
}

int
client_connect(struct connection *connection)
{
	struct race race = {
		.connection = connection,
		.fast_fd = -1,
		.ends[0].fd = connection->downstream_fd,
		.end_count = 1,
		.error = -EADDRNOTAVAIL,
	};
	int fd;

	find_servers(&race);
	fd = refuse_redirected_self(&race);
	if (fd)
		return fd;
	set_pace(&race);
	fd = begin_all(&race);
	if (fd == -EINPROGRESS)
		fd = await_last(&race);
	end_attempts(&race);
	if (fd < 0) {
		explain(&race, fd);
		return fd;
	}
	server_health_answered(&connection->server);
	if (race.count > 1)
		connection->facts.server = connection->server;
	return fd;
}
