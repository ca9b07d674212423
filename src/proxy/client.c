/*
 * The client's dial(): asks the firewall for the destination and has the
 * request sent to a server.
 */

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/log.h"
#include "base/thread.h"
#include "config/config.h"
#include "net/congestion.h"
#include "net/fast_open.h"
#include "net/socket.h"
#include "process/sandbox.h"
#include "proxy/client_connect.h"
#include "proxy/connection_table.h"
#include "proxy/inbound.h"
#include "proxy/role.h"
#include "proxy/server_version.h"

/*
 * SO_BINDTODEVICE needs none on a socket that is not bound to an interface yet.
 */
static uint64_t
client_capabilities(const struct config *config)
{
	return config->local_bind.marked ? UINT64_C(1) << CAP_NET_RAW : 0;
}

static int
client_open(const struct config *config, int listen_fd)
{
	const struct inbound *inbound = inbound_find(config->mode);

	return inbound->prepare_listener ? inbound->prepare_listener(listen_fd)
					 : 0;
}

/* For want of it an unprivileged process has the kernel load no module. */
static void
client_tune(const struct config *config, int listen_fd)
{
	int fd = *config->leg.congestion ? socket_open(AF_INET) : -1;

	(void)listen_fd;
	if (fd < 0)
		return;
	congestion_set(fd, config->leg.congestion);
	close(fd);
}

/* A server of the configuration, before a user needs it. */
struct look {
	struct endpoint server;
	struct config *config;
};

static void
free_look(struct look *look)
{
	config_unref(look->config);
	free(look);
}

/* A thread's task if it is a name, as the resolver may take seconds. */
static void
look_up(void *argument)
{
	struct look *look = argument;
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	size_t count = 0;
	const char *wrong = endpoint_resolve(&look->server, addresses, &count);

	if (wrong)
		log_warning("server-unknown name=%s reason=\"%s; it is looked "
			    "up again for each connection\"",
		    look->server.host, wrong);
	for (size_t i = 0; i < count; i++)
		server_version_ask(look->config, &addresses[i]);
	free_look(look);
}

/* Says of names without an address, and of versions, before users find out. */
static void
client_begin(const struct config *config)
{
	const struct endpoint_list *list = &config->servers;

	/* The way to have an older server half asked within the hour. */
	if (config->protocol == PROTOCOL_ONLY_1)
		server_version_forget();
	for (size_t i = 0; i < list->count; i++) {
		struct look *look = malloc(sizeof(*look));

		if (!look)
			return;
		*look = (struct look){ list->items[i], config_ref(config) };
		if (!endpoint_is_name(&look->server))
			look_up(look);
		else if (thread_start(look_up, look))
			free_look(look);
	}
}

/* Fails at the start if every connection would fail in the same way. */
static int
client_prepare(const struct config *config)
{
	const struct local_bind *local_bind = &config->local_bind;
	const struct endpoint *name = endpoint_list_find_name(&config->servers);
	const char *tried;
	int fd, error;

	if (name && !sandbox_has_names()) {
		log_error(
		    "outbound.server is now a name, %s: restart the client "
		    "half, because its sandbox permits no lookup of names",
		    name->host);
		return -1;
	}
	fd = socket_open(
	    local_bind->address.any.sa_family == AF_INET6 ? AF_INET6 : AF_INET);
	if (fd < 0)
		return 0;
	congestion_warn(
	    config->leg.congestion, congestion_set(fd, config->leg.congestion));
	error = local_bind_apply(
	    local_bind, fd, local_bind->address.any.sa_family, &tried);
	close(fd);
	if (error == -EPERM && local_bind->marked) {
		log_error("cannot %s: %s; it needs CAP_NET_RAW or "
			  "CAP_NET_ADMIN",
		    tried, strerror(-error));
		return -1;
	}
	if (error)
		log_warning("cannot %s yet: %s; connections are refused until "
			    "it is there",
		    tried, strerror(-error));
	return 0;
}

/* Others may be redirected here by a rule that is wider than the users. */
static int
check_user(struct connection *connection)
{
	const struct config *config = connection->config;

	connection->tried = "look for the source in inbound.users";
	if (config->users.count == 0 ||
	    config_has_user(config, &connection->facts.source))
		return 0;
	connection->reason = "this source is not among inbound.users";
	return -EACCES;
}

static int
client_dial(struct connection *connection)
{
	socklen_t len = sizeof(connection->facts.source_used);
	int fd, error;

	connection->facts.source = connection->facts.peer;
	error = inbound_find(connection->config->mode)
		    ->find_destination(connection);
	if (!error)
		error = check_user(connection);
	/* The client has no ACL, so it has no users to limit. */
	if (!error)
		error = connection_table_admit(
		    connection, connection->facts.account, 0);
	if (error)
		return error;
	fd = client_connect(connection);
	if (fd < 0)
		return fd;
	if (getsockname(fd, &connection->facts.source_used.any, &len))
		return descriptor_or_error(fd, -errno);
	connection->upstream_fd = fd;
	return 0;
}

static void
client_end(const struct connection *connection)
{
	if (connection->config->leg.fast_open)
		fast_open_end(connection->upstream_fd, &connection->server);
}

const struct role client_role = {
	.name = "client",
	.downstream = "user",
	.upstream = "server",
	.capabilities = client_capabilities,
	.open = client_open,
	.tune = client_tune,
	.prepare = client_prepare,
	.begin = client_begin,
	.dial = client_dial,
	.end = client_end,
};
