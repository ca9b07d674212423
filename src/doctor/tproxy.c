#include "doctor/checks.h"

#include <inttypes.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor/trace.h"
#include "doctor/user_route.h"
#include "kernel/routing_rules.h"
#include "kernel/sysctl.h"
#include "proxy/source_bind.h"

/* Few rules name the second one. */
static const uint16_t sample_ports[] = { 443, 8470 };
#define FORCED 2 /* of tcp_syncookies */

static bool
is_bridge(const char *link)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (char *)&driver };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return false;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", link);
	error = ioctl(fd, SIOCETHTOOL, &request);
	close(fd);
	return !error && !strcmp(driver.driver, "bridge");
}

/*
 * The packets pass prerouting in the bridge, and not again as routed packets,
 * whose socket is taken away in between.
 */
static bool
check_bridge(const struct arrival *arrival)
{
	const char *tables =
	    arrival->users.family == AF_INET ? "iptables" : "ip6tables";
	struct text name, fix;
	long on = 0;

	if (!arrival->link || !is_bridge(arrival->link) ||
	    !sysctl_read(
		text_set(&name, "bridge/bridge-nf-call-%s", tables), &on) ||
	    !on)
		return true;
	text_set(&fix, "sysctl -w net.bridge.bridge-nf-call-%s=0", tables);
	finding_problem(arrival->context->findings, fix.chars, "",
	    "%s: these users are on the bridge %s, and bridge-nf-call-%s is "
	    "1: the bridge then runs the firewall's rules, and their packets "
	    "lose the listener that TPROXY gives them",
	    arrival->prefix, arrival->link, tables);
	return false;
}

/* The first packet, or one behind it, which has a socket of the client half. */
static void
arrive(struct arrival *arrival, bool is_first)
{
	struct walk *walk = &arrival->walk;

	trace_begin(
	    walk, &arrival->user, &arrival->remote, IPPROTO_TCP, arrival->link);
	if (!is_first) {
		packet_follow(&walk->packet, NULL);
		trace_set(walk, FIELD_TRANSPARENT, 1);
		trace_set(walk, FIELD_WILDCARD, 0);
	}
	walk_through(walk, arrival->context->ruleset, HOOK_PREROUTING);
	arrival->mark = walk->packet.fields[FIELD_MARK];
}

static bool
check_given(const struct arrival *arrival)
{
	const struct doctor_context *context = arrival->context;
	const struct cause *cause = &arrival->walk.changes[FIELD_TPROXY_PORT];
	uint16_t port = context->config->listen.port;
	struct text name;

	if (packet_has(&arrival->walk.packet, FIELD_TPROXY_PORT, port))
		return true;
	if (cause->chain && !cause->is_sure)
		finding_note(context->findings,
		    "%s: cannot tell whether the firewall gives connections of "
		    "these users to port %u: it depends on %s",
		    arrival->prefix, port, remedy_name(cause, &name));
	else
		finding_problem(context->findings, context->rules, "",
		    "%s: no firewall rule gives connections of these users to "
		    "port %u%s%s",
		    arrival->prefix, port,
		    cause->chain ? "; they go elsewhere by " : "",
		    cause->chain ? remedy_name(cause, &name) : "");
	return false;
}

/*
 * The socket's local address is the destination in the packet. A change behind
 * TPROXY takes it away from the socket, and REDIRECT in front of TPROXY makes the
 * destination one of this host. Another destination in front of TPROXY, which
 * comes behind dstnat for IPv6, is as good as the first.
 */
static bool
check_unchanged(const struct arrival *arrival)
{
	const struct walk *walk = &arrival->walk;
	const struct cause *cause = walk->changes[FIELD_DADDR].chain
	    ? &walk->changes[FIELD_DADDR]
	    : &walk->changes[FIELD_DPORT];
	struct text fix = { 0 }, name;

	if (!cause->chain || !cause->is_sure ||
	    (arrival->users.family == AF_INET6 &&
		!packet_has(&walk->packet, FIELD_DADDR_TYPE, RTN_LOCAL)))
		return true;
	remedy_pass(arrival->context->ruleset, cause, &arrival->users, &fix);
	finding_problem(arrival->context->findings, fix.chars,
	    "change that rule so that it does not match these users",
	    "%s: a rule changes the destination of connections of these users, "
	    "which the client half then cannot serve: %s",
	    arrival->prefix, remedy_name(cause, &name));
	return false;
}

/*
 * fix: our rules, in front of the routing rules of others; and before that, an
 * exception from the rule that takes away our mark.
 */
static const char *
format_fix(const struct arrival *arrival, struct text *fix)
{
	const struct cause *cause = &arrival->walk.changes[FIELD_MARK];
	struct selection marked = arrival->users;

	marked.mark = INBOUND_MARK;
	marked.mask = INBOUND_MASK;
	if ((arrival->mark.bits[1] & INBOUND_MASK) == INBOUND_MARK ||
	    !remedy_pass(arrival->context->ruleset, cause, &marked, fix))
		text_set(fix, "%s", "");
	return text_add(
	    fix, "%s%s", fix->len ? "; " : "", arrival->context->rules);
}

/*
 * The kernel asks for the route back to the user, as if it sent the answer. One
 * of the addresses may be this host's own.
 */
static bool
check_source(const struct arrival *arrival)
{
	const struct routing_rules *rules =
	    doctor_context_routing(arrival->context, arrival->users.family);
	const struct routing_question question = { .from = arrival->remote,
		.to = arrival->user,
		.mark = (uint32_t)arrival->mark.bits[1] };
	struct routing_answer answer;
	struct text name = { 0 };

	if (arrival->users.family != AF_INET ||
	    !user_route_is_by_mark(arrival->link) ||
	    routing_rules_ask(rules, &question, &answer) == RTN_UNICAST ||
	    !answer.rule || answer.rule->table == RT_TABLE_LOCAL)
		return true;
	finding_problem(arrival->context->findings, arrival->context->rules, "",
	    "%s: src_valid_mark is 1, and the routing rule \"%s\" is for the "
	    "mark of these users' packets: they are dropped as spoofed",
	    arrival->prefix, routing_rule_format(answer.rule, &name));
	return false;
}

/* True where the mark cannot be told: that of another program's rule. */
static bool
check_routes(const struct arrival *arrival)
{
	struct text fix;

	return !value_is_known(&arrival->mark) ||
	    (user_route_check_delivery(arrival, format_fix(arrival, &fix)) &&
		check_source(arrival));
}

/* The fix must not open this host's own services to the users. */
static bool
check_intake(struct arrival *arrival)
{
	struct walk *walk = &arrival->walk;
	const struct value *mark = &walk->packet.fields[FIELD_MARK];
	struct selection given = arrival->users;

	if (value_is_known(mark) &&
	    (mark->bits[1] & INBOUND_MASK) == INBOUND_MARK) {
		given.mark = INBOUND_MARK;
		given.mask = INBOUND_MASK;
	}
	trace_set(walk, FIELD_TRANSPARENT, 1);
	walk_through(walk, arrival->context->ruleset, HOOK_INPUT);
	return !trace_report(arrival->context, walk, &given,
	    "packets of these users to the client half");
}

static bool
check_answer(const struct arrival *arrival)
{
	const struct selection back = { .family = arrival->users.family,
		.to = arrival->users.from };
	struct walk answer;

	return user_route_check_answer(arrival, &answer) &&
	    !trace_report(arrival->context, &answer, &back,
		"reply packets to these users");
}

static bool
check_packet(struct arrival *arrival, bool is_first)
{
	arrive(arrival, is_first);
	if (arrival->walk.fate == FATE_DROPPED)
		return !trace_report(arrival->context, &arrival->walk,
		    &arrival->users, "packets of these users");
	return check_unchanged(arrival) &&
	    (!is_first || check_given(arrival)) && check_routes(arrival) &&
	    check_intake(arrival);
}

void
tproxy_check_users(struct arrival *arrival)
{
	const struct prefix *users = arrival->users.from;

	arrival->remote = trace_external(arrival->users.family);
	if (!check_bridge(arrival))
		return;
	for (size_t i = 0; i < 2; i++) {
		arrival->user = (i ? trace_user_first : trace_user)(users);
		address_set_port(&arrival->user, 0);
		address_set_port(&arrival->remote, sample_ports[i]);
		if (!check_packet(arrival, true) || !check_answer(arrival) ||
		    !check_packet(arrival, false))
			return;
	}
	finding_ok(arrival->context->findings,
	    "%s: the firewall gives connections of these users to port %u",
	    arrival->prefix, arrival->context->config->listen.port);
}

static void
check_option(const struct doctor_context *context)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = fd < 0 ? 0 : source_bind_set_transparent(fd, AF_INET);

	if (fd >= 0)
		close(fd);
	if (error)
		finding_problem(context->findings, NULL,
		    "start the client half as root with -u, or with "
		    "CAP_NET_RAW",
		    "IP_TRANSPARENT cannot be set, which the listener of "
		    "inbound.mode \"tproxy\" needs: %s",
		    strerror(-error));
}

/* The last packet of such a handshake has no socket yet. */
static void
check_handshakes(const struct doctor_context *context)
{
	long cookies = 0;

	if (!sysctl_read("ipv4/tcp_syncookies", &cookies) || cookies != FORCED)
		return;
	finding_problem(context->findings,
	    "sysctl -w net.ipv4.tcp_syncookies=1", "",
	    "net.ipv4.tcp_syncookies is 2: no connection of users is "
	    "recognized with inbound.mode \"tproxy\"");
}

void
tproxy_check_host(const struct doctor_context *context)
{
	check_option(context);
	check_handshakes(context);
}
