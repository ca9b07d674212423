#include "doctor/checks.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/deadline.h"
#include "doctor/test_request.h"
#include "doctor/trace.h"
#include "kernel/conntrack.h"
#include "kernel/sysctl.h"
#include "net/route.h"
#include "net/socket.h"

#define ALL_MS 5000 /* after that no further prefix is tried */

/* True if a connection to it would come back to this half without end. */
static bool
check_loop(const struct doctor_context *context, const union address *server)
{
	char text[ADDRESS_STRLEN];

	if (address_port(server) != context->config->listen.port ||
	    route_ends_here(server) <= 0)
		return false;
	finding_problem(context->findings, NULL,
	    "set outbound.server to the address of the exit",
	    "outbound.server %s is this half's own listener, so "
	    "connections would loop",
	    address_format(server, text));
	return true;
}

/* Returns the number of addresses, after reporting each name that has none. */
static size_t
resolve(const struct doctor_context *context, union address *servers)
{
	const struct endpoint_list *list = &context->config->servers;
	size_t count;

	for (size_t i = 0; i < list->count; i++) {
		const struct endpoint *server = &list->items[i];
		const char *wrong = endpoint_resolve(server, servers, &count);

		if (wrong)
			finding_problem(context->findings, NULL,
			    "correct the name in outbound.server, or name "
			    "resolution: /etc/hosts, /etc/resolv.conf",
			    "cannot resolve outbound.server %s: %s",
			    server->host, wrong);
	}
	endpoint_list_resolve(list, servers, &count);
	return count;
}

/* fd: a connection just made, which conntrack still has an entry for. */
static bool
is_redirected_here(
    const struct doctor_context *context, int fd, const union address *server)
{
	union address own, reached;
	socklen_t len = sizeof(own);

	if (getsockname(fd, &own.any, &len))
		return false;
	address_unmap(&own);
	return !conntrack_find_destination(&own, server, &reached) &&
	    !address_equal(&reached, server) &&
	    address_port(&reached) == context->config->listen.port &&
	    (address_is_loopback(&reached) || route_ends_here(&reached) > 0);
}

static void
report_redirected(
    const struct doctor_context *context, const union address *server)
{
	const union address anybody = { .any.sa_family = AF_UNSPEC };
	const struct prefix to = { *server,
		server->any.sa_family == AF_INET ? 32 : 128 };
	const struct selection selection = { .family = server->any.sa_family,
		.to = &to,
		.port = address_port(server) };
	const struct cause *cause;
	char text[ADDRESS_STRLEN];
	struct text fix = { 0 }, name;
	struct walk walk;

	trace_begin(&walk, &anybody, server, IPPROTO_TCP, NULL);
	trace_set(&walk, FIELD_SADDR_TYPE, RTN_LOCAL);
	walk.packet.fields[FIELD_UID] = value_unknown;
	walk.packet.fields[FIELD_GID] = value_unknown;
	if (context->ruleset)
		walk_through(&walk, context->ruleset, HOOK_OUTPUT);
	cause = &walk.changes[FIELD_DPORT];
	remedy_pass(context->ruleset, cause, &selection, &fix);
	finding_problem(context->findings, fix.chars,
	    "change that rule so that it does not redirect this "
	    "host's own connections to the server half",
	    "the server half at %s: the firewall redirects this "
	    "half's own connections to it back to this half%s%s",
	    address_format(server, text), cause->chain ? ": " : "",
	    cause->chain ? remedy_name(cause, &name) : "");
}

void
client_to_server_look(struct doctor_context *context)
{
	union address servers[ENDPOINT_MAX_ADDRESSES];
	const char *tried;
	size_t count;

	endpoint_list_resolve(&context->config->servers, servers, &count);
	for (size_t i = 0; i < count && !context->is_own_redirected; i++) {
		int fd =
		    test_request_connect(context->config, &servers[i], &tried);

		if (fd < 0)
			continue;
		context->is_own_redirected =
		    is_redirected_here(context, fd, &servers[i]);
		close(fd);
	}
}

/* Whether somebody listens at an address of this host. True: or who knows. */
static bool
is_taken(const union address *own)
{
	int fd = socket_open(own->any.sa_family), on = 1;
	bool is_free;

	if (fd < 0)
		return true;
	/* A connection that is over does not hold the port. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	is_free = bind(fd, &own->any, address_len(own)) == 0;
	close(fd);
	return !is_free;
}

void
client_to_server_check_own(const struct doctor_context *context)
{
	const struct endpoint_list *list = &context->config->servers;
	char text[ADDRESS_STRLEN];

	for (size_t i = 0; i < list->count; i++) {
		const union address *server = &list->items[i].address;

		if (server->any.sa_family == AF_UNSPEC ||
		    check_loop(context, server) ||
		    route_ends_here(server) <= 0 || is_taken(server))
			continue;
		finding_problem(context->findings, NULL,
		    "let outbound.server be the address of the exit, or start "
		    "a server half here",
		    "outbound.server %s is this host itself, and nobody "
		    "listens there",
		    address_format(server, text));
	}
}

static void
check_egress(const struct doctor_context *context)
{
	const struct local_bind *local_bind = &context->config->local_bind;
	int family = local_bind->address.any.sa_family;
	const char *tried;
	int fd, error;

	if (family == AF_UNSPEC)
		family = AF_INET;
	if (!local_bind->marked && !*local_bind->interface &&
	    local_bind->address.any.sa_family == AF_UNSPEC)
		return;
	fd = socket_open(family);
	if (fd < 0)
		return;
	error = local_bind_apply(local_bind, fd, family, &tried);
	close(fd);
	/* With net.ipv4.ip_nonlocal_bind, bind(2) accepts any address. */
	if (!error && local_bind->address.any.sa_family != AF_UNSPEC &&
	    route_ends_here(&local_bind->address) == 0)
		error = -EADDRNOTAVAIL;
	if (error == -EPERM)
		finding_problem(context->findings, NULL,
		    "give the service CAP_NET_RAW, or start it as root with -u",
		    "cannot %s as this user (uid %u): %s", tried, getuid(),
		    strerror(-error));
	else if (error)
		finding_problem(context->findings, NULL,
		    "correct the configuration, or give this host that "
		    "interface and address",
		    "cannot %s: %s", tried, strerror(-error));
	else
		finding_ok(context->findings,
		    "outbound.local_addr and outbound.fwmark work");
}

static bool
has_route(const struct doctor_context *context, const union address *server)
{
	const struct local_bind *local_bind = &context->config->local_bind;
	struct route route;

	return route_find(server, local_bind->marked ? local_bind->mark : 0,
		   &route) == 0;
}

static void
report_no_route(
    const struct doctor_context *context, const union address *server)
{
	const struct local_bind *local_bind = &context->config->local_bind;
	char text[ADDRESS_STRLEN];
	struct text advice;

	address_format_host(server, text);
	text_set(&advice,
	    "find the routing rule or route that forbids it: ip rule; "
	    "ip route get %s "
	    "mark 0x%" PRIx32,
	    text, local_bind->marked ? local_bind->mark : 0);
	finding_problem(context->findings, NULL, advice.chars,
	    "the server half at %s: this host has no route to it", text);
}

/* False: this host's firewall is not what drops the packets. */
static bool
check_own_firewall(
    const struct doctor_context *context, const union address *server)
{
	const union address own = { .any.sa_family = AF_UNSPEC };
	int family = server->any.sa_family;
	const struct prefix host = { *server, family == AF_INET ? 32 : 128 };
	const struct selection to = {
		.family = family, .to = &host, .port = address_port(server)
	};
	const struct selection from = { .family = family,
		.from = &host,
		.port = address_port(server),
		.is_reply = true };
	struct outgoing outgoing;

	if (!doctor_context_sees_firewall(context) ||
	    context->config->local_bind.marked)
		return false;
	trace_outgoing(context, &own, server, &outgoing);
	if (outgoing.sent.fate == FATE_DROPPED)
		return trace_report(context, &outgoing.sent, &to,
		    "this half's packets to the server half");
	return outgoing.answer.fate == FATE_DROPPED &&
	    trace_report(
		context, &outgoing.answer, &from, "the server half's replies");
}

static void
report_unreached(const struct doctor_context *context,
    const union address *server, const char *tried, int error)
{
	char text[ADDRESS_STRLEN];

	if (!has_route(context, server))
		report_no_route(context, server);
	else if (!check_own_firewall(context, server))
		finding_problem(context->findings, NULL,
		    "start the server half there, and open its port in the "
		    "firewalls on the way; or take this address out of the "
		    "name, if outbound.server is one",
		    "the server half at %s: cannot %s: %s",
		    address_format(server, text), tried, strerror(-error));
}

static void
report_denied(const struct doctor_context *context,
    const struct test_request *test, const char *prefix,
    const char *destination)
{
	char cause[CLIENT_ANSWER_STRLEN];

	finding_problem(context->findings, NULL,
	    client_answer_advice(test->answer[0]),
	    "%s: the server half refused a test request to %s: %s", prefix,
	    destination,
	    client_answer_cause(test->answer, test->answer_len, cause));
}

static const char *
name_end(const struct test_request *test)
{
	return test->has_ended ? "ended the stream" : "reset the connection";
}

static void
report_result(const struct doctor_context *context, int result,
    const struct test_request *test, const char *prefix)
{
	struct findings *findings = context->findings;
	char destination[ADDRESS_STRLEN];

	address_format(&test->destination, destination);
	if (result == TEST_REQUEST_ARRIVED)
		finding_ok(findings,
		    "%s: the server half accepted a test request and "
		    "connected to %s from there%s",
		    prefix, destination,
		    test->is_silent ? ", in version 1: a check of version 2 "
				      "got no answer"
				    : "");
	else if (result == TEST_REQUEST_TAKEN)
		finding_note(findings,
		    "%s: the server half did not refuse a test request, but "
		    "its connection to %s was not seen here%s: it was lost on "
		    "the way, or outbound.server is no server half%s",
		    prefix, destination,
		    context->packet_fd < 0 ? " (only root sees all packets)"
					   : "",
		    test->is_silent ? "; a check of version 2 got no answer "
				      "either"
				    : "");
	else if (result == TEST_REQUEST_REFUSED)
		finding_problem(findings, NULL,
		    "read the newest line refused in the server half's log; "
		    "the likely causes, in this order: reason=\"no user has "
		    "this auth\": outbound.auth here is not acl[].auth there; "
		    "a reason with allowed_src_ips: that list lacks the "
		    "source; a reason about the destination: denied_dst_ips or "
		    "allowed_dst_ips there; tried=\"bind "
		    "to the source\" or \"connect to the destination\": the "
		    "exit cannot, so run srcproxy doctor server there; no such "
		    "line: another program reset the connection",
		    "%s: the server half refused a test request to %s: it %s",
		    prefix, destination, name_end(test));
	else if (result == TEST_REQUEST_DENIED)
		report_denied(context, test, prefix, destination);
	else if (result == TEST_REQUEST_OLD)
		finding_problem(findings, NULL,
		    "update the server half, or set protocol to \"auto\" here; "
		    "if it has protocol: 1, change that; otherwise find out "
		    "who else resets connections on the way",
		    "%s: protocol is 2 here, and the server half %s at a "
		    "check of version 2, as one that speaks version 1 only",
		    prefix, name_end(test));
	else if (result == TEST_REQUEST_SILENT)
		finding_problem(findings, NULL,
		    "look at the exit whether a server half listens there, and "
		    "works: srcproxy status server; if it does, find the "
		    "firewall on the way that drops its packets",
		    "%s: the program that answers at outbound.server did not "
		    "answer a check of version 2 within %d s",
		    prefix, TEST_REQUEST_ANSWER_S);
	else if (result == TEST_REQUEST_STRANGE)
		finding_problem(findings, NULL,
		    "set outbound.server to the address and port of a "
		    "server half",
		    "%s: the program that answers at outbound.server "
		    "does not speak srcproxy's protocol",
		    prefix);
	else if (test->tried)
		report_unreached(context, test->server, test->tried, result);
	else
		finding_note(findings, "%s: cannot send a test request: %s",
		    prefix, strerror(-result));
}

/* Returns a descriptor, or a negative errno after reporting it. */
static int
connect_server(
    const struct doctor_context *context, const union address *server)
{
	const char *tried;
	int fd = test_request_connect(context->config, server, &tried);

	if (fd < 0)
		report_unreached(context, server, tried, fd);
	return fd;
}

/* False: the request was redirected to this half, which is reported. */
static bool
try_prefix(const struct doctor_context *context, int fd,
    struct test_request *test, const struct prefix *prefix)
{
	char text[PREFIX_STRLEN];
	int result;

	test->user = trace_user(prefix);
	result = test_request_run(test, fd);
	/* The firewall may redirect root's packets but not this user's. */
	if (context->is_own_redirected && result != TEST_REQUEST_ARRIVED) {
		report_redirected(context, test->server);
		return false;
	}
	report_result(context, result, test, prefix_format(prefix, text));
	return true;
}

/* Each prefix needs its own connections: a connection takes one request. */
static void
check_server(const struct doctor_context *context, const union address *server,
    int64_t end)
{
	const struct prefix_list *list = context->prefixes;
	struct test_request test = {
		.config = context->config,
		.server = server,
		.packet_fd = context->packet_fd,
	};
	char text[ADDRESS_STRLEN];
	bool goes_on = true;
	size_t i = 0;

	do {
		int fd = connect_server(context, server);

		if (fd < 0)
			return;
		if (i == 0 && !context->is_own_redirected)
			finding_ok(context->findings,
			    "the server half is reached at %s",
			    address_format(server, text));
		else if (list->count == 0)
			report_redirected(context, server);
		if (i == 0 && !context->is_own_redirected)
			doctor_leg_check_server(context, fd, server);
		if (i < list->count)
			goes_on =
			    try_prefix(context, fd, &test, &list->items[i]);
		close(fd);
	} while (goes_on && ++i < list->count && deadline_left(end) > 0);
	if (goes_on && i < list->count)
		finding_note(context->findings,
		    "%zu more prefixes were not tried, because the "
		    "first ones took too long",
		    list->count - i);
}

/*
 * A name may have addresses of a family that local_addr or this host lacks.
 * The half goes on to the next address.
 */
static bool
is_used(const struct doctor_context *context, const union address *server)
{
	const struct config *config = context->config;
	int family = config->local_bind.address.any.sa_family;
	bool is_name = endpoint_list_find_name(&config->servers) != NULL;

	if (is_name && server->any.sa_family == AF_INET6 &&
	    sysctl_disables_ipv6())
		return false;
	return family == AF_UNSPEC || family == server->any.sa_family;
}

void
client_to_server_check(struct doctor_context *context)
{
	union address servers[ENDPOINT_MAX_ADDRESSES];
	int64_t end = deadline_after(ALL_MS);
	size_t count;

	check_egress(context);
	count = resolve(context, servers);
	for (size_t i = 0; i < count; i++) {
		if (is_used(context, &servers[i]) &&
		    !check_loop(context, &servers[i]))
			check_server(context, &servers[i], end);
	}
}
