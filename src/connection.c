#include "connection.h"

#include <unistd.h>

#include "accounts.h"
#include "config.h"
#include "deadline.h"
#include "event.h"
#include "relay.h"
#include "roster.h"
#include "socket.h"

/* Without a graceful end the peer sees a reset: socket.h. */
static void
close_end(int fd, bool graceful)
{
	if (fd >= 0 && graceful)
		socket_close_gracefully(fd);
	else if (fd >= 0)
		close(fd);
}

/* Returns true if both ends came to their end of file. */
static bool
serve(struct connection *connection, struct roster *roster)
{
	struct roster_entry entry;
	struct relay relay = { .idle_ms = connection->config->timeout_ms };
	int64_t started = deadline_now();
	int error;

	roster_enter(roster, &entry, connection);
	error = connection->role->dial(connection);
	if (error) {
		roster_leave(connection);
		account_refuse(connection->account, refusal_of(error));
		event_refused(connection, error);
		return false;
	}
	roster_establish(connection, &relay);
	event_established(connection);
	relay.fd[RELAY_DOWNSTREAM] = connection->downstream_fd;
	relay.fd[RELAY_UPSTREAM] = connection->upstream_fd;
	relay.head = connection->head + connection->head_start;
	relay.head_len = connection->head_end - connection->head_start;
	relay.received_before = connection->head_end + connection->forwarded;
	relay.forwarded = connection->forwarded;
	relay_run(&relay);
	roster_leave(connection);
	event_closed(connection, &relay, deadline_now() - started);
	return relay.end == RELAY_EOF;
}

void
connection_serve(const struct service *service, const struct config *config,
    uint64_t number, int fd, const union address *peer)
{
	struct connection connection = {
		.role = service->role,
		.config = config,
		.registry = service->registry,
		.accounts = service->accounts,
		.number = number,
		.downstream_fd = fd,
		.peer = *peer,
		.upstream_fd = -1,
		.source.any.sa_family = AF_UNSPEC,
		.source_used.any.sa_family = AF_UNSPEC,
		.destination.any.sa_family = AF_UNSPEC,
	};
	bool graceful;

	address_unmap(&connection.peer);
	graceful = serve(&connection, service->roster);
	close_end(connection.upstream_fd, graceful);
	close_end(connection.downstream_fd, graceful);
}
