#include "doctor/checks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor/trace.h"
#include "kernel/sysctl.h"
#include "net/route.h"
#include "process/limits.h"
#include "proxy/source_bind.h"

#define INTERFACE "lo"
#define MARK 1
#define PRIVILEGED_PORT 1023

/* Binds to any port: the half may be running and hold its own port. */
static int
try_address(const union address *address)
{
	union address any_port = *address;
	int fd, error = 0;

	/* Without IPv6 the half listens on 0.0.0.0 instead of [::]. */
	if (address_is_unspecified(address))
		return 0;
	fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	address_set_port(&any_port, 0);
	if (bind(fd, &any_port.any, address_len(&any_port)))
		error = -errno;
	close(fd);
	/* With net.ipv4.ip_nonlocal_bind, bind(2) accepts any address. */
	if (!error && route_ends_here(address) == 0)
		error = -EADDRNOTAVAIL;
	return error;
}

static const char *
format_advice(const char *host, struct text *advice)
{
	bool is_off = strchr(host, ':') && sysctl_disables_ipv6();

	return text_set(advice,
	    "add the address (%sip address add %s dev "
	    "INTERFACE), or correct listen",
	    is_off ? "sysctl -w net.ipv6.conf.all.disable_ipv6=0; " : "", host);
}

/* One usable address of a name is enough. */
static void
check_listen(const struct doctor_context *context)
{
	const struct endpoint *listen = &context->config->listen;
	struct findings *findings = context->findings;
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	struct text advice;
	const char *wrong;
	size_t count;
	int error = -EADDRNOTAVAIL;

	wrong = endpoint_resolve(listen, addresses, &count);
	for (size_t i = 0; i < count && error; i++)
		error = try_address(&addresses[i]);
	if (wrong)
		finding_problem(findings, NULL,
		    "correct the name in listen, or name resolution: "
		    "/etc/hosts, /etc/resolv.conf",
		    "cannot listen on %s: %s", listen->host, wrong);
	else if (error)
		finding_problem(findings, NULL,
		    format_advice(listen->host, &advice),
		    "cannot listen on %s: %s", listen->host, strerror(-error));
	else
		finding_ok(findings,
		    "this host has the address to listen on, %s",
		    *listen->host ? listen->host : "any");
}

static void
check_limits(const struct doctor_context *context)
{
	struct findings *findings = context->findings;
	size_t wanted = context->config->max_connections;
	struct limits limits = { 0 };

	limits_read(&limits, "");
	if (wanted > limits.most.connections)
		finding_problem(findings, NULL,
		    "raise that limit, or set a smaller max_connections",
		    "max_connections is %zu, but %s allows no more than %zu",
		    wanted, limits.most.by, limits.most.connections);
	else if (!wanted && limits.usual.connections < LIMITS_FEW)
		finding_note(findings,
		    "there is room for only %zu connections at a time: "
		    "for more, raise the limit %s",
		    limits.usual.connections, limits.usual.by);
	else
		finding_ok(findings, "there is room for %zu connections (%s)",
		    wanted ? wanted : limits.usual.connections,
		    wanted ? "max_connections" : limits.usual.by);
}

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
check_ability(
    const struct doctor_context *context, const struct ability *ability)
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

/* Tries each option that the configuration uses. */
static void
check_socket_options(const struct doctor_context *context)
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
			check_ability(context, &abilities[i]);
	}
}

void
doctor_host_check(struct doctor_context *context)
{
	check_listen(context);
	check_limits(context);
	check_socket_options(context);
}
