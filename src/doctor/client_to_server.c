#include "doctor/client_to_server.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/deadline.h"
#include "doctor/test_request.h"
#include "firewall/remedy.h"
#include "kernel/conntrack.h"
#include "kernel/route.h"
#include "kernel/sysctl.h"
#include "net/socket.h"

#define REMEDY_MAX_LEN 256
#define ALL_MS 5000 /* no further prefix is tried then */

/* True if it would come back to this half for ever. */
static bool
check_loop(const struct examination *examination, const union address *server)
{
	char text[ADDRESS_STRLEN];

	if (address_port(server) != examination->config->listen.port ||
	    route_ends_here(server) <= 0)
		return false;
	finding_wrong(examination->findings,
	    "let outbound.server be the address of the exit",
	    "outbound.server %s is this half's own listener: a loop",
	    address_format(server, text));
	return true;
}

/* Returns how many addresses. */
static size_t
resolve(const struct examination *examination, union address *servers)
{
	const struct endpoint *server = &examination->config->server;
	const char *wrong;
	size_t count;

	wrong = endpoint_resolve(server, servers, &count);
	if (wrong)
		finding_wrong(examination->findings,
		    "correct outbound.server, or /etc/resolv.conf",
		    "outbound.server %s: %s", server->host, wrong);
	return wrong ? 0 : count;
}

/* With the connection just made, of which the firewall still knows. */
static bool
is_redirected_here(
    const struct examination *examination, int fd, const union address *server)
{
	union address own, reached;
	socklen_t len = sizeof(own);

	if (getsockname(fd, &own.any, &len))
		return false;
	address_unmap(&own);
	return !conntrack_find_destination(&own, server, &reached) &&
	    !address_equal(&reached, server) &&
	    address_port(&reached) == examination->config->listen.port &&
	    (address_is_loopback(&reached) || route_ends_here(&reached) > 0);
}

static void
report_redirected(
    const struct examination *examination, const union address *server)
{
	char text[ADDRESS_STRLEN], remedy[REMEDY_MAX_LEN];
	const char *rules =
	    examination_firewall(examination, server->any.sa_family);

	strcpy(
	    remedy, "let no rule redirect what this host itself sends there");
	if (rules)
		exemption_find_own(rules, server, remedy, sizeof(remedy));
	finding_wrong(examination->findings, remedy,
	    "the server half at %s: the firewall redirects this half's own "
	    "connections to it, which come back to this half",
	    address_format(server, text));
}

void
doctor_server_look(struct examination *examination)
{
	union address servers[ENDPOINT_MAX_ADDRESSES];
	const char *tried;
	size_t count;

	if (endpoint_resolve(&examination->config->server, servers, &count))
		return;
	for (size_t i = 0; i < count && !examination->is_own_redirected; i++) {
		int fd =
		    trial_connect(examination->config, &servers[i], &tried);

		if (fd < 0)
			continue;
		examination->is_own_redirected =
		    is_redirected_here(examination, fd, &servers[i]);
		close(fd);
	}
}

void
doctor_server_check_loop(const struct examination *examination)
{
	const union address *server = &examination->config->server.address;

	if (server->any.sa_family != AF_UNSPEC)
		check_loop(examination, server);
}

static void
check_egress(const struct examination *examination)
{
	const struct egress *egress = &examination->config->egress;
	int family = egress->address.any.sa_family;
	const char *tried;
	int fd, error;

	if (family == AF_UNSPEC)
		family = AF_INET;
	if (!egress->marked && !*egress->interface &&
	    egress->address.any.sa_family == AF_UNSPEC)
		return;
	fd = socket_open(family);
	if (fd < 0)
		return;
	error = egress_apply(egress, fd, family, &tried);
	close(fd);
	/* With net.ipv4.ip_nonlocal_bind any address can be had. */
	if (!error && egress->address.any.sa_family != AF_UNSPEC &&
	    route_ends_here(&egress->address) == 0)
		error = -EADDRNOTAVAIL;
	if (error == -EPERM)
		finding_wrong(examination->findings,
		    "give it CAP_NET_RAW, or start it as root with -u",
		    "cannot %s as this user (uid %u): %s", tried, getuid(),
		    strerror(-error));
	else if (error)
		finding_wrong(examination->findings,
		    "correct the configuration, or give this host that "
		    "interface and address",
		    "cannot %s: %s", tried, strerror(-error));
	else
		finding_ok(examination->findings,
		    "outbound.local_addr and fwmark can be had");
}

static void
report_trial(const struct examination *examination, int result,
    const char *prefix, const char *destination)
{
	struct findings *findings = examination->findings;

	if (result == TRIAL_ARRIVED)
		finding_ok(findings,
		    "%s: the server half accepts outbound.auth, and connected "
		    "to %s from there",
		    prefix, destination);
	else if (result == TRIAL_TAKEN)
		finding_note(findings,
		    "%s: the server half did not refuse a request, but its "
		    "connection to %s was not seen here%s: it is lost on its "
		    "way, or that is no server half",
		    prefix, destination,
		    examination->packet_fd < 0 ? ", where only root sees all"
					       : "");
	else if (result == TRIAL_REFUSED)
		finding_wrong(findings,
		    "see the server half's log, which has the reason; or "
		    "srcproxy doctor server there",
		    "%s: the server half refused a connection to %s: it does "
		    "not know outbound.auth, or does not allow the source or "
		    "the destination, or cannot connect from there",
		    prefix, destination);
	else if (result == TRIAL_STRANGE)
		finding_wrong(findings,
		    "let outbound.server be the address and port of a server "
		    "half",
		    "%s: what answers at outbound.server does not speak the "
		    "protocol",
		    prefix);
	else
		finding_note(findings, "%s: no request was tried: %s", prefix,
		    strerror(-result));
}

static bool
has_route(const struct examination *examination, const union address *server)
{
	const struct egress *egress = &examination->config->egress;
	struct route route;

	return route_find(server, egress->marked ? egress->mark : 0, &route) ==
	    0;
}

static void
report_no_route(
    const struct examination *examination, const union address *server)
{
	const struct egress *egress = &examination->config->egress;
	char text[ADDRESS_STRLEN], remedy[REMEDY_MAX_LEN];

	address_format_host(server, text);
	snprintf(remedy, sizeof(remedy),
	    "see which rule or route forbids it: ip rule; ip route get %s "
	    "mark 0x%" PRIx32,
	    text, egress->marked ? egress->mark : 0);
	finding_wrong(examination->findings, remedy,
	    "the server half at %s: this host has no route to it", text);
}

/* Returns a descriptor. */
static int
connect_server(
    const struct examination *examination, const union address *server)
{
	char text[ADDRESS_STRLEN];
	const char *tried;
	int fd = trial_connect(examination->config, server, &tried);

	address_format(server, text);
	if (fd < 0 && !has_route(examination, server))
		report_no_route(examination, server);
	else if (fd < 0)
		finding_wrong(examination->findings,
		    "start the server half there, and let firewalls pass it",
		    "the server half at %s: cannot %s: %s", text, tried,
		    strerror(-fd));
	return fd;
}

/* False if the request went the wrong way, which is reported. */
static bool
try_prefix(const struct examination *examination, int fd,
    const union address *server, const struct prefix *prefix)
{
	union address user, destination = { .any.sa_family = AF_UNSPEC };
	char text[PREFIX_STRLEN], destination_text[ADDRESS_STRLEN];
	int result;

	prefix_sample(prefix, &user);
	result = trial_run(examination->config, examination->packet_fd, fd,
	    &user, &destination);
	/* The firewall may tell users of this host apart, such as root. */
	if (examination->is_own_redirected && result != TRIAL_ARRIVED) {
		report_redirected(examination, server);
		return false;
	}
	report_trial(examination, result, prefix_format(prefix, text),
	    address_format(&destination, destination_text));
	return true;
}

/* A connection for each prefix, as each takes one request. */
static void
check_server(const struct examination *examination, const union address *server,
    int64_t end)
{
	const struct prefix_list *list = examination->prefixes;
	char text[ADDRESS_STRLEN];
	bool goes_on = true;
	size_t i = 0;

	do {
		int fd = connect_server(examination, server);

		if (fd < 0)
			return;
		if (i == 0 && !examination->is_own_redirected)
			finding_ok(examination->findings,
			    "the server half is reached at %s",
			    address_format(server, text));
		else if (list->count == 0)
			report_redirected(examination, server);
		if (i < list->count)
			goes_on = try_prefix(
			    examination, fd, server, &list->items[i]);
		close(fd);
	} while (goes_on && ++i < list->count && deadline_left(end) > 0);
	if (goes_on && i < list->count)
		finding_note(examination->findings,
		    "%zu more prefixes were not tried, as the first ones took "
		    "too long",
		    list->count - i);
}

/*
 * A name may have addresses that local_addr has no use for, or a host without
 * IPv6; the half goes on to the next one.
 */
static bool
is_used(const struct examination *examination, const union address *server)
{
	const struct config *config = examination->config;
	int family = config->egress.address.any.sa_family;
	bool is_name = config->server.address.any.sa_family == AF_UNSPEC;

	if (is_name && server->any.sa_family == AF_INET6 &&
	    sysctl_disables_ipv6())
		return false;
	return family == AF_UNSPEC || family == server->any.sa_family;
}

void
doctor_server_check(const struct examination *examination)
{
	union address servers[ENDPOINT_MAX_ADDRESSES];
	int64_t end = deadline_after(ALL_MS);
	size_t count;

	check_egress(examination);
	count = resolve(examination, servers);
	for (size_t i = 0; i < count; i++) {
		if (is_used(examination, &servers[i]) &&
		    !check_loop(examination, &servers[i]))
			check_server(examination, &servers[i], end);
	}
}
