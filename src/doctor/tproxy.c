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

/* A packet of a user's connection to an outside host. */
struct passage {
	const struct doctor_context *context;
	struct selection users;
	char prefix[PREFIX_STRLEN];
	const char *link; /* that they come in by; NULL: unknown */
	union address user, remote;
	struct walk walk;
};

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
check_bridge(const struct passage *passage)
{
	const char *tables =
	    passage->users.family == AF_INET ? "iptables" : "ip6tables";
	struct text name, fix;
	long on = 0;

	if (!passage->link || !is_bridge(passage->link) ||
	    !sysctl_read(
		text_set(&name, "bridge/bridge-nf-call-%s", tables), &on) ||
	    !on)
		return true;
	text_set(&fix, "sysctl -w net.bridge.bridge-nf-call-%s=0", tables);
	finding_problem(passage->context->findings, fix.chars, "",
	    "%s: these users are on the bridge %s, and bridge-nf-call-%s is "
	    "1: the bridge then runs the firewall's rules, and their packets "
	    "lose the listener that TPROXY gives them",
	    passage->prefix, passage->link, tables);
	return false;
}

/* The first packet, or one behind it, which has a socket of the client half. */
static void
arrive(struct passage *passage, bool is_first)
{
	struct walk *walk = &passage->walk;

	trace_begin(
	    walk, &passage->user, &passage->remote, IPPROTO_TCP, passage->link);
	if (!is_first) {
		packet_follow(&walk->packet, NULL);
		trace_set(walk, FIELD_TRANSPARENT, 1);
		trace_set(walk, FIELD_WILDCARD, 0);
	}
	walk_through(walk, passage->context->ruleset, HOOK_PREROUTING);
}

static bool
check_given(const struct passage *passage)
{
	const struct doctor_context *context = passage->context;
	const struct cause *cause = &passage->walk.changes[FIELD_TPROXY_PORT];
	uint16_t port = context->config->listen.port;
	struct text name;

	if (packet_has(&passage->walk.packet, FIELD_TPROXY_PORT, port))
		return true;
	if (cause->chain && !cause->is_sure)
		finding_note(context->findings,
		    "%s: cannot tell whether the firewall gives connections of "
		    "these users to port %u: it depends on %s",
		    passage->prefix, port, remedy_name(cause, &name));
	else
		finding_problem(context->findings, context->rules, "",
		    "%s: no firewall rule gives connections of these users to "
		    "port %u%s%s",
		    passage->prefix, port,
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
check_unchanged(const struct passage *passage)
{
	const struct walk *walk = &passage->walk;
	const struct cause *cause = walk->changes[FIELD_DADDR].chain
	    ? &walk->changes[FIELD_DADDR]
	    : &walk->changes[FIELD_DPORT];
	struct text fix = { 0 }, name;

	if (!cause->chain || !cause->is_sure ||
	    (passage->users.family == AF_INET6 &&
		!packet_has(&walk->packet, FIELD_DADDR_TYPE, RTN_LOCAL)))
		return true;
	remedy_pass(passage->context->ruleset, cause, &passage->users, &fix);
	finding_problem(passage->context->findings, fix.chars,
	    "change that rule so that it does not match these users",
	    "%s: a rule changes the destination of connections of these users, "
	    "which the client half then cannot serve: %s",
	    passage->prefix, remedy_name(cause, &name));
	return false;
}

/*
 * fix: our rules, in front of the routing rules of others; and before that, an
 * exception from the rule that takes away our mark.
 */
static const char *
format_fix(const struct passage *passage, uint32_t mark, struct text *fix)
{
	const struct cause *cause = &passage->walk.changes[FIELD_MARK];
	struct selection marked = passage->users;

	marked.mark = INBOUND_MARK;
	marked.mask = INBOUND_MASK;
	if ((mark & INBOUND_MASK) == INBOUND_MARK ||
	    !remedy_pass(passage->context->ruleset, cause, &marked, fix))
		text_set(fix, "%s", "");
	return text_add(
	    fix, "%s%s", fix->len ? "; " : "", passage->context->rules);
}

/*
 * The kernel asks for the route back to the user, as if it sent the answer. One
 * of the addresses may be this host's own.
 */
static bool
check_source(const struct passage *passage, const struct routing_rules *rules,
    uint32_t mark)
{
	const struct routing_question question = {
		.from = passage->remote, .to = passage->user, .mark = mark
	};
	struct routing_answer answer;
	struct text name = { 0 };

	if (passage->users.family != AF_INET ||
	    !user_route_is_by_mark(passage->link) ||
	    routing_rules_ask(rules, &question, &answer) == RTN_UNICAST ||
	    !answer.rule || answer.rule->table == RT_TABLE_LOCAL)
		return true;
	finding_problem(passage->context->findings, passage->context->rules, "",
	    "%s: src_valid_mark is 1, and the routing rule \"%s\" is for the "
	    "mark of these users' packets: they are dropped as spoofed",
	    passage->prefix, routing_rule_format(answer.rule, &name));
	return false;
}

/* True where the mark cannot be told: that of another program's rule. */
static bool
check_routes(const struct passage *passage)
{
	const struct value *value = &passage->walk.packet.fields[FIELD_MARK];
	const struct routing_rules *rules =
	    doctor_context_routing(passage->context, passage->users.family);
	const struct user_packet packet = { passage->context,
		passage->users.from, passage->link, &passage->user,
		.reached = passage->remote, .arrived = &passage->walk };
	uint32_t mark = (uint32_t)value->bits[1];
	struct text fix;

	return !value_is_known(value) ||
	    (user_route_check_delivery(
		 &packet, format_fix(passage, mark, &fix)) &&
		check_source(passage, rules, mark));
}

/* The fix must not open this host's own services to the users. */
static bool
check_intake(struct passage *passage)
{
	struct walk *walk = &passage->walk;
	const struct value *mark = &walk->packet.fields[FIELD_MARK];
	struct selection given = passage->users;

	if (value_is_known(mark) &&
	    (mark->bits[1] & INBOUND_MASK) == INBOUND_MARK) {
		given.mark = INBOUND_MARK;
		given.mask = INBOUND_MASK;
	}
	trace_set(walk, FIELD_TRANSPARENT, 1);
	walk_through(walk, passage->context->ruleset, HOOK_INPUT);
	return !trace_report(passage->context, walk, &given,
	    "packets of these users to the client half");
}

static bool
check_answer(const struct passage *passage)
{
	const struct selection back = { .family = passage->users.family,
		.to = passage->users.from };
	struct ruleset *ruleset = passage->context->ruleset;
	struct walk answer;
	const struct user_packet packet = { passage->context,
		passage->users.from, passage->link, &passage->user,
		.reached = passage->remote, .arrived = &passage->walk,
		.answer = &answer };

	trace_answer(&answer, &passage->walk, passage->link);
	walk_through(&answer, ruleset, HOOK_OUTPUT);
	if (!user_route_check_answer(&packet))
		return false;
	walk_through(&answer, ruleset, HOOK_POSTROUTING);
	return !trace_report(
	    passage->context, &answer, &back, "reply packets to these users");
}

static bool
check_packet(struct passage *passage, bool is_first)
{
	arrive(passage, is_first);
	if (passage->walk.fate == FATE_DROPPED)
		return !trace_report(passage->context, &passage->walk,
		    &passage->users, "packets of these users");
	return check_unchanged(passage) &&
	    (!is_first || check_given(passage)) && check_routes(passage) &&
	    check_intake(passage);
}

void
tproxy_check_users(const struct doctor_context *context,
    const struct prefix *users, const char *link)
{
	struct passage passage = {
		.context = context,
		.users = { .family = users->base.any.sa_family, .from = users },
		.link = link,
	};

	prefix_format(users, passage.prefix);
	passage.remote = trace_external(passage.users.family);
	if (!check_bridge(&passage))
		return;
	for (size_t i = 0; i < 2; i++) {
		passage.user = (i ? trace_user_first : trace_user)(users);
		address_set_port(&passage.user, 0);
		address_set_port(&passage.remote, sample_ports[i]);
		if (!check_packet(&passage, true) || !check_answer(&passage) ||
		    !check_packet(&passage, false))
			return;
	}
	finding_ok(context->findings,
	    "%s: the firewall gives connections of these users to port %u",
	    passage.prefix, context->config->listen.port);
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
