#include "doctor/silence.h"

#include <linux/fib_rules.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "doctor/checks.h"
#include "doctor/return_route.h"
#include "doctor/trace.h"
#include "kernel/sysctl.h"
#include "net/route.h"

/* Follows the packet to the router, and its answer, through the firewall. */
static void
trace(const struct doctor_context *context, const struct path *path,
    struct outgoing *outgoing)
{
	char link[IF_NAMESIZE];

	*outgoing = (struct outgoing){ .link = "" };
	if (!context->ruleset)
		return;
	trace_outgoing(context, &path->user, &path->router->address, outgoing);
	if (if_indextoname(path->came_by, link) &&
	    strcmp(link, outgoing->link) != 0)
		trace_answer_by(context, link, outgoing);
}

/*
 * name becomes ": RULE", the rule in the way of the packet to the router or of
 * the reply; fix: the commands against it.
 */
static void
name_cause(const struct doctor_context *context, const struct path *path,
    bool is_reply, struct text *fix, struct text *name)
{
	const struct selection selection = trace_select(path->users, is_reply);
	struct outgoing outgoing;
	const struct cause *cause;
	const struct walk *walk;
	struct text rule;

	trace(context, path, &outgoing);
	walk = is_reply ? &outgoing.answer : &outgoing.sent;
	cause = &walk->cause;
	text_set(fix, "%s", "");
	text_set(name, "%s", "");
	if (walk->fate != FATE_DROPPED && walk->changes[FIELD_SADDR].chain)
		cause = &walk->changes[FIELD_SADDR];
	if (!cause->chain)
		return;
	text_set(name, ": %s", remedy_name(cause, &rule));
	if (walk->fate == FATE_DROPPED)
		remedy_pass_all(context->ruleset, walk, &selection, fix);
	else
		remedy_pass(context->ruleset, cause, &selection, fix);
}

static void
report_output(const struct doctor_context *context, const struct path *path)
{
	struct text fix, name;

	name_cause(context, path, false, &fix, &name);
	finding_problem(context->findings, fix.chars,
	    "change the firewall so that it neither drops nor "
	    "rewrites packets from these addresses",
	    "%s: packets from %s to the router %s do not leave "
	    "this host with that source address: the firewall "
	    "drops (OUTPUT) or rewrites them%s",
	    path->prefix, path->user_text, path->router->text, name.chars);
}

static void
report_input(const struct doctor_context *context, const struct path *path)
{
	struct text fix, name;

	name_cause(context, path, true, &fix, &name);
	finding_problem(context->findings, fix.chars,
	    "change the firewall so that it accepts replies to "
	    "this host's own connections",
	    "%s: reply packets from the router %s arrive on this host, but "
	    "reach no socket, not even those to its own addresses: the "
	    "firewall drops them (INPUT)%s",
	    path->prefix, path->router->text, name.chars);
}

/*
 * The fix is for the rule in the way; if none is known, our own rules, unless
 * they are there. Rules for a service of certain hosts or ports need not take
 * the router's replies.
 */
static void
report_here(const struct doctor_context *context, const struct path *path)
{
	struct text fix, name;

	name_cause(context, path, true, &fix, &name);
	if (!fix.len && return_route_takes_some(context, path->users)) {
		finding_note(context->findings,
		    "%s: the return path was not tested: this host delivers "
		    "only some reply packets, and none from the router %s",
		    path->prefix, path->router->text);
		return;
	}
	if (!fix.len && return_route_may_lack_mark(context, path->users))
		text_set(&fix, "%s", context->rules);
	finding_problem(context->findings, fix.chars,
	    "the routes and the firewall let these packets pass, so look for "
	    "what else drops them: nft rules for bridges, IPsec policies (ip "
	    "xfrm policy), programs of tc(8) or XDP",
	    "%s: reply packets from the router %s to %s arrive on this host, "
	    "but do not reach the socket: the firewall does not mark them, or "
	    "drops them (INPUT, or a check of their source)%s",
	    path->prefix, path->router->text, path->user_text, name.chars);
}

static const char asked_advice_v4[] =
    "ask for a route to this host, or answer on the link, with "
    "net.ipv4.conf.%s.proxy_arp=1, which needs ip_forward and a route to the "
    "users by another link";
static const char asked_advice_v6[] =
    "ask for a route to this host, or answer on the link, with ndppd for the "
    "prefix, or with net.ipv6.conf.all.proxy_ndp=1, which needs forwarding, "
    "and \"ip -6 neigh add proxy ADDRESS dev %s\" for each address";

/* The kernel answers for a prefix of IPv4, and for single IPv6 addresses. */
static void
format_answering(const struct path *path, const char *link, struct text *fix)
{
	bool is_ipv4 = path->user.any.sa_family == AF_INET;
	struct text name;
	struct route back;
	long forwards = 0;

	sysctl_read(
	    text_set(&name, "ipv%d/conf/%s/forwarding", is_ipv4 ? 4 : 6, link),
	    &forwards);
	if (!forwards)
		return;
	if (!is_ipv4 && prefix_is_single(path->users))
		text_set(fix,
		    "sysctl -w net/ipv6/conf/all/proxy_ndp=1; "
		    "ip -6 neigh add proxy %s dev %s",
		    path->user_text, link);
	else if (is_ipv4 && !route_find(&path->user, 0, &back) &&
	    back.interface != if_nametoindex(link))
		text_set(fix, "sysctl -w net/ipv4/conf/%s/proxy_arp=1", link);
}

static void
report_asked(const struct doctor_context *context, const struct path *path)
{
	char link[IF_NAMESIZE];
	struct text fix = { 0 }, advice;

	trace_find_link(context, &path->user, &path->router->address, link);
	format_answering(path, link, &fix);
	text_set(&advice,
	    path->user.any.sa_family == AF_INET ? asked_advice_v4
						: asked_advice_v6,
	    link);
	finding_problem(context->findings, fix.chars, advice.chars,
	    "%s: the router %s does not send packets to %s to this host: it "
	    "asks on %s which host has this address, and gets no answer",
	    path->prefix, path->router->text, path->user_text, link);
}

void
silence_report(const struct doctor_context *context, const struct path *path,
    bool is_filtered)
{
	const char *prefix = path->prefix, *router = path->router->text;
	struct findings *findings = context->findings;
	bool answers = path->router->own.is_answered;

	if (!path->has_left) {
		report_output(context, path);
	} else if (!path->has_come && !answers) {
		finding_note(findings,
		    "%s: the return path was not tested: the router %s "
		    "does not reply, not even to this host",
		    prefix, router);
		external_check(context, path->users, false);
	} else if (!path->has_come && path->is_asked) {
		report_asked(context, path);
	} else if (!path->has_come) {
		finding_problem(findings, NULL,
		    "see what else is wrong here; if nothing is, let the "
		    "network route the prefix to this host, and permit it to "
		    "send from there",
		    "%s: the router %s replies to this host, but its "
		    "replies to %s do not arrive here",
		    prefix, router, path->user_text);
	} else if (is_filtered && path->user.any.sa_family == AF_INET) {
		finding_problem(findings,
		    "sysctl -w net.ipv4.conf.all.rp_filter=2", "",
		    "%s: reply packets from the router %s to %s arrive "
		    "on another interface than the route to their "
		    "sender, and rp_filter drops them",
		    prefix, router, path->user_text);
	} else if (answers) {
		report_here(context, path);
	} else {
		report_input(context, path);
	}
}

/* A rule that forbids itself is deleted; one for a table may be of use. */
void
silence_report_forbidden(
    const struct doctor_context *context, const struct path *path, int error)
{
	const union address *router = &path->router->address;
	int version = path->user.any.sa_family == AF_INET ? 4 : 6;
	struct text fix = { 0 }, advice, rule = { 0 };
	struct routing_answer route;
	bool is_there = trace_find_route(context, &path->user, router, &route);

	text_set(&advice,
	    "find the routing rule or route that forbids it: ip rule; ip route "
	    "get %s from %s iif lo",
	    path->router->text, path->user_text);
	if (!is_there && route.rule) {
		routing_rule_format(route.rule, &rule);
		if (route.rule->action != FR_ACT_TO_TBL)
			text_set(
			    &fix, "ip -%d rule del %s", version, rule.chars);
	}
	finding_problem(context->findings, fix.chars, advice.chars,
	    "%s: cannot connect from %s to %s: %s%s%s%s", path->prefix,
	    path->user_text, path->router->text, strerror(-error),
	    rule.len ? ": the routing rule \"" : "", rule.chars,
	    rule.len ? "\" decides" : "");
}

static bool
is_unknown(const struct walk *walk)
{
	return walk->fate == FATE_UNKNOWN && walk->cause.chain;
}

bool
silence_may_be_limited(
    const struct doctor_context *context, const struct path *path)
{
	struct outgoing outgoing;

	trace(context, path, &outgoing);
	return is_unknown(&outgoing.sent) || is_unknown(&outgoing.answer);
}
