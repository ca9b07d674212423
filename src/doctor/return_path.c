#include "doctor/checks.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/deadline.h"
#include "doctor/port_probe.h"
#include "doctor/return_route.h"
#include "doctor/trace.h"
#include "kernel/capture.h"
#include "kernel/counters.h"
#include "kernel/proxied_address.h"
#include "kernel/sysctl.h"
#include "net/route.h"

#define ANSWER_MS 1500
#define ALL_MS 7500 /* after that no more is begun */

/* Paths tried at once: their descriptors fit the usual limit, 1024. */
#define MANY 64
#define PAUSE_MS 1000 /* a rule that limits packets takes some again */
#define ROUTERS 8     /* all uplinks of both families */

/* Why no answer came back. */
enum silence {
	SILENCE_ALL,     /* the router answers nobody */
	SILENCE_NETWORK, /* no answer to users comes back to this host */
	SILENCE_LINK,    /* nobody tells the router who has the address */
	SILENCE_OUTPUT,  /* no packet has left this host */
	SILENCE_INPUT,   /* this host takes no answers at all */
	SILENCE_FILTER,  /* rp_filter drops the answers */
	SILENCE_HERE,    /* this host takes no answers to users */
};

/* The next router on the default route of some users. */
struct router {
	union address address;
	char text[ADDRESS_STRLEN];
	struct port_probe own; /* from this host's own address */
	bool has_own;
};

/* The way from users to their router. */
struct path {
	const struct prefix *users;
	union address user; /* one of them */
	char prefix[PREFIX_STRLEN];
	const struct router *router;
	struct port_probe probe;
	/* Packets that were seen on the links; is_asked: for the neighbour. */
	bool has_left, has_come, is_asked;
	uint32_t came_by; /* the interface, if has_come */
};

/* The paths that are tried in parallel. */
struct wave {
	const struct doctor_context *context;
	int packet_fd;   /* or -1 */
	int64_t end;     /* no path is tried after that */
	bool is_limited; /* a rule dropped probes, because they were many */
	struct router routers[ROUTERS];
	struct path paths[MANY];
	size_t router_count, count;
};

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

static struct selection
select_packets(const struct prefix *users, bool is_reply)
{
	return (struct selection){ .family = users->base.any.sa_family,
		.from = is_reply ? NULL : users,
		.to = is_reply ? users : NULL,
		.is_reply = is_reply };
}

/*
 * name becomes ": RULE", the rule in the way of the packet to the router or of
 * the reply; fix: the commands against it.
 */
static void
name_cause(const struct doctor_context *context, const struct path *path,
    bool is_reply, struct text *fix, struct text *name)
{
	const struct selection selection =
	    select_packets(path->users, is_reply);
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
	char text[ADDRESS_STRLEN];
	struct text fix, name;

	name_cause(context, path, false, &fix, &name);
	finding_problem(context->findings, fix.chars,
	    "change the firewall so that it neither drops nor "
	    "rewrites packets from these addresses",
	    "%s: packets from %s to the router %s do not leave "
	    "this host with that source address: the firewall "
	    "drops (OUTPUT) or rewrites them%s",
	    path->prefix, address_format_host(&path->user, text),
	    path->router->text, name.chars);
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
	char text[ADDRESS_STRLEN];
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
	    path->prefix, path->router->text,
	    address_format_host(&path->user, text), name.chars);
}

/*
 * Reports rules that drop packets to or from a host other than the router.
 * has_answer: the router answered, so an unknown fate is not reported.
 */
static bool
report_rules(const struct doctor_context *context, const struct prefix *users,
    bool has_answer)
{
	const struct selection away = select_packets(users, false);
	const struct selection back = select_packets(users, true);
	const union address user = prefix_sample(users);
	const union address remote = trace_external(user.any.sa_family);
	struct outgoing outgoing;

	if (!doctor_context_sees_firewall(context))
		return false;
	trace_outgoing(context, &user, &remote, &outgoing);
	if ((outgoing.sent.fate == FATE_DROPPED || !has_answer) &&
	    trace_report(context, &outgoing.sent, &away,
		"packets of the half from these addresses"))
		return true;
	if (outgoing.is_rewritten ||
	    (outgoing.answer.fate != FATE_DROPPED && has_answer))
		return false;
	return trace_report(
	    context, &outgoing.answer, &back, "reply packets to these users");
}

/* Rules that pass what was tried may drop other connections of the users. */
static void
note_others(const struct doctor_context *context, const struct prefix *users)
{
	const struct selection away = select_packets(users, false);
	const union address user = prefix_sample(users);
	const union address remote = trace_external(user.any.sa_family);
	struct text fix = { 0 }, name;
	char text[PREFIX_STRLEN];
	struct outgoing tried;
	struct walk any;

	if (!doctor_context_sees_firewall(context))
		return;
	trace_outgoing(context, &user, &remote, &tried);
	trace_to_any(context, &user, &any);
	if (tried.sent.fate != FATE_ACCEPTED || any.fate == FATE_ACCEPTED ||
	    !any.cause.chain)
		return;
	remedy_pass(context->ruleset, &any.cause, &away, &fix);
	finding_note(context->findings,
	    "%s: the firewall may drop connections from these addresses to "
	    "some destinations or ports: it depends on %s%s%s",
	    prefix_format(users, text), remedy_name(&any.cause, &name),
	    fix.len ? "; to let all pass: " : "", fix.chars);
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
		    address_format_host(&path->user, name.chars), link);
	else if (is_ipv4 && !route_find(&path->user, 0, &back) &&
	    back.interface != if_nametoindex(link))
		text_set(fix, "sysctl -w net/ipv4/conf/%s/proxy_arp=1", link);
}

static void
report_asked(const struct doctor_context *context, const struct path *path)
{
	char text[ADDRESS_STRLEN], link[IF_NAMESIZE];
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
	    path->prefix, path->router->text,
	    address_format_host(&path->user, text), link);
}

static void
report_silence(const struct doctor_context *context, const struct path *path,
    enum silence silence)
{
	const char *prefix = path->prefix, *router = path->router->text;
	struct findings *findings = context->findings;
	char text[ADDRESS_STRLEN];

	address_format_host(&path->user, text);
	switch (silence) {
	case SILENCE_OUTPUT:
		report_output(context, path);
		break;
	case SILENCE_INPUT:
		report_input(context, path);
		break;
	case SILENCE_FILTER:
		finding_problem(findings,
		    "sysctl -w net.ipv4.conf.all.rp_filter=2", "",
		    "%s: reply packets from the router %s to %s arrive "
		    "on another interface than the route to their "
		    "sender, and rp_filter drops them",
		    prefix, router, text);
		break;
	case SILENCE_HERE:
		report_here(context, path);
		break;
	case SILENCE_NETWORK:
		finding_problem(findings, NULL,
		    "see what else is wrong here; if nothing is, let the "
		    "network route the prefix to this host, and permit it to "
		    "send from there",
		    "%s: the router %s replies to this host, but its "
		    "replies to %s do not arrive here",
		    prefix, router, text);
		break;
	case SILENCE_LINK:
		report_asked(context, path);
		break;
	case SILENCE_ALL:
		finding_note(findings,
		    "%s: the return path was not tested: the router %s "
		    "does not reply, not even to this host",
		    prefix, router);
		report_rules(context, path->users, false);
		break;
	}
}

/* filtered: rp_filter dropped packets meanwhile. */
static enum silence
explain_silence(const struct wave *wave, const struct path *path, bool filtered)
{
	bool answers = path->router->has_own && path->router->own.is_answered;

	if (wave->packet_fd >= 0 && !path->has_left)
		return SILENCE_OUTPUT;
	if (!path->has_come && answers)
		return path->is_asked ? SILENCE_LINK : SILENCE_NETWORK;
	if (!path->has_come)
		return SILENCE_ALL;
	if (filtered && path->user.any.sa_family == AF_INET)
		return SILENCE_FILTER;
	return answers ? SILENCE_HERE : SILENCE_INPUT;
}

/* A rule that forbids itself is deleted; one for a table may be of use. */
static void
report_forbidden(
    const struct doctor_context *context, const struct path *path, int error)
{
	const union address *router = &path->router->address;
	int version = path->user.any.sa_family == AF_INET ? 4 : 6;
	char text[ADDRESS_STRLEN];
	struct text fix = { 0 }, advice, rule = { 0 };
	struct routing_answer route;
	bool is_there = trace_find_route(context, &path->user, router, &route);

	address_format_host(&path->user, text);
	text_set(&advice,
	    "find the routing rule or route that forbids it: ip rule; ip route "
	    "get %s from %s iif lo",
	    path->router->text, text);
	if (!is_there && route.rule) {
		routing_rule_format(route.rule, &rule);
		if (route.rule->action != FR_ACT_TO_TBL)
			text_set(
			    &fix, "ip -%d rule del %s", version, rule.chars);
	}
	finding_problem(context->findings, fix.chars, advice.chars,
	    "%s: cannot connect from %s to %s: %s%s%s%s", path->prefix, text,
	    path->router->text, strerror(-error),
	    rule.len ? ": the routing rule \"" : "", rule.chars,
	    rule.len ? "\" decides" : "");
}

#define NO_DEFAULT_ROUTE                                        \
	"there is no default route, so these users reach only " \
	"what other routes lead to"

/* Returns NULL, or why no router can be tested with. */
static const char *
find_gateway(const struct doctor_context *context, const union address *user,
    union address *gateway)
{
	const union address external = trace_external(user->any.sa_family);
	struct routing_answer found;
	struct route route;

	/* Of the routers that share the load, any one is enough. */
	if (trace_find_route(context, user, &external, &found) &&
	    found.interface)
		*gateway = found.gateway;
	else if (route_find(&external, 0, &route) == 0 && !route.is_local)
		*gateway = route.gateway;
	else
		return user->any.sa_family == AF_INET ? NO_DEFAULT_ROUTE
						      : NO_DEFAULT_ROUTE
		    "; a host that forwards takes one from "
		    "a router's announcements only with "
		    "net.ipv6.conf.INTERFACE.accept_ra=2";
	return gateway->any.sa_family == user->any.sa_family
	    ? NULL
	    : "the default route names no router to test with";
}

/* Each wave asks again, because a router may answer late. NULL: no room. */
static const struct router *
take_router(struct wave *wave, const union address *gateway)
{
	struct router *router = wave->routers;
	const struct router *end = router + wave->router_count;

	while (router < end && !address_equal(&router->address, gateway))
		router++;
	if (router < end)
		return router;
	if (wave->router_count == ROUTERS)
		return NULL;
	*router = (struct router){ .address = *gateway };
	address_format_host(gateway, router->text);
	router->has_own =
	    port_probe_open(&router->own, NULL, &router->address) == 0;
	wave->router_count++;
	return router;
}

static bool
has_room(int error)
{
	return error != -EMFILE && error != -ENFILE;
}

/* False: the next wave begins with this prefix. */
static bool
add(struct wave *wave, const struct prefix *users)
{
	struct path *path = &wave->paths[wave->count];
	union address gateway;
	const char *why_not;
	int error;

	*path = (struct path){ .users = users };
	prefix_format(users, path->prefix);
	/* Of a prefix on the link, single addresses may be answered for. */
	if (!proxied_address_find(users, &path->user))
		path->user = prefix_sample(users);
	why_not = find_gateway(wave->context, &path->user, &gateway);
	if (why_not) {
		finding_note(wave->context->findings,
		    "%s: the return path was not tested: %s", path->prefix,
		    why_not);
		report_rules(wave->context, users, false);
		return true;
	}
	path->router = take_router(wave, &gateway);
	if (!path->router)
		return false;
	error =
	    port_probe_open(&path->probe, &path->user, &path->router->address);
	if (!error)
		wave->count++;
	else if (wave->count > 0 && !has_room(error))
		return false;
	else
		report_forbidden(wave->context, path, error);
	return true;
}

/* Returns the number of prefixes that this wave takes. */
static size_t
begin(struct wave *wave, const struct prefix *prefixes, size_t count)
{
	size_t done = 0;

	wave->count = wave->router_count = 0;
	while (done < count && wave->count < MANY && add(wave, &prefixes[done]))
		done++;
	return done;
}

static void
look_at_packets(struct wave *wave)
{
	uint8_t packet[CAPTURE_MAX_LEN];
	uint32_t interface;
	size_t len;

	while (wave->packet_fd >= 0 &&
	    (len = capture_next(wave->packet_fd, packet, &interface))) {
		for (size_t i = 0; i < wave->count; i++) {
			struct path *path = &wave->paths[i];
			const union address *router = &path->router->address;

			path->has_left |= capture_is_segment(
			    packet, len, &path->user, router);
			if (capture_is_segment(
				packet, len, router, &path->user)) {
				path->has_come = true;
				path->came_by = interface;
			}
			path->is_asked |=
			    capture_is_question(packet, len, &path->user);
		}
	}
}

static bool
all_answered(const struct wave *wave)
{
	for (size_t i = 0; i < wave->count; i++) {
		if (!wave->paths[i].probe.is_answered)
			return false;
	}
	return true;
}

/* Waits for the deadline, or until all paths have their answer. */
static void
await(struct wave *wave, int64_t deadline)
{
	struct pollfd polled[1 + (ROUTERS + MANY) * PROBE_PORTS];
	struct port_probe *probes[ROUTERS + MANY];
	size_t count = 0;

	for (size_t i = 0; i < wave->router_count; i++) {
		if (wave->routers[i].has_own)
			probes[count++] = &wave->routers[i].own;
	}
	for (size_t i = 0; i < wave->count; i++)
		probes[count++] = &wave->paths[i].probe;
	polled[0] = (struct pollfd){ wave->packet_fd, POLLIN, 0 };
	for (size_t i = 0; i < count; i++)
		probe_watch(probes[i], &polled[1 + i * PROBE_PORTS]);
	while (!all_answered(wave) &&
	    poll(polled, 1 + count * PROBE_PORTS, deadline_poll(deadline)) >
		0) {
		look_at_packets(wave);
		for (size_t i = 0; i < count; i++)
			probe_look(probes[i], &polled[1 + i * PROBE_PORTS]);
	}
	look_at_packets(wave);
}

static bool
is_unknown(const struct walk *walk)
{
	return walk->fate == FATE_UNKNOWN && walk->cause.chain;
}

static bool
is_answered_alone(const struct wave *wave, const struct path *path)
{
	struct wave alone = { .context = wave->context,
		.packet_fd = wave->packet_fd,
		.paths[0] = *path,
		.count = 1 };
	struct port_probe *probe = &alone.paths[0].probe;

	poll(NULL, 0, PAUSE_MS);
	if (port_probe_open(probe, &path->user, &path->router->address))
		return false;
	await(&alone, deadline_after(ANSWER_MS));
	port_probe_close(probe);
	return probe->is_answered;
}

/*
 * A rule that limits packets may drop those of so many probes, but pass a user's
 * connection.
 */
static bool
is_limited(struct wave *wave, const struct path *path)
{
	struct outgoing outgoing;

	trace(wave->context, path, &outgoing);
	if (!is_unknown(&outgoing.sent) && !is_unknown(&outgoing.answer))
		return false;
	if (!wave->is_limited && deadline_left(wave->end) > 0)
		wave->is_limited = is_answered_alone(wave, path);
	return wave->is_limited;
}

static void
finish(struct wave *wave, bool filtered)
{
	for (size_t i = 0; i < wave->count; i++) {
		struct path *path = &wave->paths[i];

		if (!path->probe.is_answered && is_limited(wave, path))
			report_rules(wave->context, path->users, false);
		else if (!path->probe.is_answered)
			report_silence(wave->context, path,
			    explain_silence(wave, path, filtered));
		else if (!report_rules(wave->context, path->users, true)) {
			finding_ok(wave->context->findings,
			    "%s: reply packets from the router %s come back to "
			    "this host",
			    path->prefix, path->router->text);
			note_others(wave->context, path->users);
		}
		port_probe_close(&path->probe);
	}
	for (size_t i = 0; i < wave->router_count; i++) {
		if (wave->routers[i].has_own)
			port_probe_close(&wave->routers[i].own);
	}
}

void
return_path_check(const struct doctor_context *context,
    const struct prefix *prefixes, size_t count)
{
	struct wave wave = { .context = context,
		.end = deadline_after(ALL_MS) };
	size_t done = 0;

	wave.packet_fd = capture_begin(context->packet_fd);
	while (done < count && deadline_left(wave.end) > 0) {
		uint64_t filtered = counters_filtered();

		done += begin(&wave, prefixes + done, count - done);
		await(&wave, deadline_after(ANSWER_MS));
		finish(&wave, counters_filtered() > filtered);
	}
	if (done < count)
		finding_note(context->findings,
		    "the return path of %zu more prefixes was not "
		    "tested: waiting for silent routers took too long",
		    count - done);
}
