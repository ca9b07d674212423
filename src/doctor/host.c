#include "doctor/checks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/sysctl.h"
#include "net/route.h"
#include "process/limits.h"

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

void
doctor_host_check(struct doctor_context *context)
{
	check_listen(context);
	check_limits(context);
}
