#include "doctor/checks.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor/trace.h"
#include "proxy/source_bind.h"

#define INTERFACE "lo"
#define MARK 1
#define PRIVILEGED_PORT 1023

static int
bind_foreign(int fd, int family, uint16_t port)
{
	union address foreign = trace_external(family);
	int error = source_bind_set_freebind(fd);

	if (error)
		return error;
	address_set_port(&foreign, port);
	return bind(fd, &foreign.any, address_len(&foreign)) ? -errno : 0;
}

static int
try_freebind(int fd, int family)
{
	return bind_foreign(fd, family, 0);
}

static int
try_low_port(int fd, int family)
{
	return bind_foreign(fd, family, PRIVILEGED_PORT);
}

static int
try_mark(int fd, int family)
{
	int mark = MARK;

	(void)family;
	return setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) ? -errno
									: 0;
}

static int
try_interface(int fd, int family)
{
	(void)family;
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, INTERFACE,
		   sizeof(INTERFACE))
	    ? -errno
	    : 0;
}

struct ability {
	const char *name;
	bool is_of_use, is_needed; /* needed: the half cannot work without it */
	int family;
	int (*try)(int fd, int family);
	const char *otherwise; /* what the option needs */
};

static void
check(const struct doctor_context *context, const struct ability *ability)
{
	int fd = socket(ability->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = fd < 0 ? -errno : ability->try(fd, ability->family);

	if (fd >= 0)
		close(fd);
	if (!error)
		finding_ok(
		    context->findings, "%s works for this user", ability->name);
	else if (ability->is_needed)
		finding_problem(context->findings, NULL, ability->otherwise,
		    "%s does not work for this user (uid %u), so the "
		    "half cannot send from the users' addresses: %s",
		    ability->name, getuid(), strerror(-error));
	else
		finding_note(context->findings,
		    "%s does not work for this user (uid %u): %s; %s",
		    ability->name, getuid(), strerror(-error),
		    ability->otherwise);
}

void
socket_options_check(struct doctor_context *context)
{
	const struct config *config = context->config;
	bool is_server = config->kind == CONFIG_SERVER;
	bool sends_ipv4 =
	    is_server && prefix_list_has_family(context->prefixes, AF_INET);
	bool sends_ipv6 =
	    is_server && prefix_list_has_family(context->prefixes, AF_INET6);
	bool keeps_ports = is_server && config->source_port != SOURCE_PORT_ANY;
	const struct ability abilities[] = {
		{ "IP_FREEBIND for IPv4", sends_ipv4, true, AF_INET,
		    try_freebind, "it needs Linux with IPv4" },
		{ "IP_FREEBIND for IPv6", sends_ipv6, true, AF_INET6,
		    try_freebind, "it needs Linux with IPv6 (ipv6.disable=0)" },
		{ "IP_TRANSPARENT for IPv4", sends_ipv4, false, AF_INET,
		    source_bind_set_transparent,
		    "it needs CAP_NET_RAW, or the users' prefix in the routing "
		    "table local (srcproxy rules --simple)" },
		{ "SO_MARK", config->local_bind.marked, false, AF_INET,
		    try_mark,
		    "it needs CAP_NET_ADMIN, or CAP_NET_RAW since Linux 5.17" },
		{ "binding to an interface (SO_BINDTODEVICE)",
		    *config->local_bind.interface, false, AF_INET,
		    try_interface, "it needs CAP_NET_RAW before Linux 5.7" },
		{ "keeping users' source ports below 1024", keeps_ports, false,
		    AF_INET, try_low_port, "it needs CAP_NET_BIND_SERVICE" },
	};

	for (size_t i = 0; i < sizeof(abilities) / sizeof(*abilities); i++) {
		if (abilities[i].is_of_use)
			check(context, &abilities[i]);
	}
}
