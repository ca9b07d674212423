#include "doctor/checks.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "doctor/trace.h"
#include "doctor/user_route.h"
#include "net/route.h"

/* Of one user the one, of another user the other, which few rules name. */
static const uint16_t sample_ports[] = { 443, 8470 };
#define NAT_PRIORITY (-100) /* of iptables(8); the printed rules precede it */

/*
 * REDIRECT uses the first address, and for IPv6 the one added last; a
 * link-local one is enough. True with AF_UNSPEC: it cannot be told.
 */
static bool
find_address(const char *interface, int family, union address *own)
{
	struct ifaddrs *list = NULL;
	bool is_unknown = getifaddrs(&list) != 0;

	*own = (union address){ .any.sa_family = AF_UNSPEC };
	for (const struct ifaddrs *entry = list;
	     entry && own->any.sa_family != family; entry = entry->ifa_next) {
		if (entry->ifa_addr && entry->ifa_addr->sa_family == family &&
		    !strcmp(entry->ifa_name, interface))
			memcpy(own, entry->ifa_addr,
			    family == AF_INET ? sizeof(own->v4)
					      : sizeof(own->v6));
	}
	if (list)
		freeifaddrs(list);
	return is_unknown || own->any.sa_family == family;
}

static bool
is_for_all(const struct endpoint *listen)
{
	return !*listen->host ||
	    (listen->address.any.sa_family != AF_UNSPEC &&
		address_is_unspecified(&listen->address));
}

/* REDIRECT uses the interface's address, and drops packets if it has none. */
static void
check_user_interface(const struct doctor_context *context, const char *prefix,
    int family, uint32_t index)
{
	const struct endpoint *listen = &context->config->listen;
	char name[IF_NAMESIZE] = "";
	union address own;
	struct text advice;

	if_indextoname(index, name);
	if (context->config->mode == INBOUND_TPROXY || !is_for_all(listen) ||
	    find_address(name, family, &own)) {
		finding_ok(context->findings,
		    "%s: this host has a route to these users", prefix);
		return;
	}
	text_set(
	    &advice, "give it an address: ip address add ADDRESS dev %s", name);
	finding_problem(context->findings, NULL, advice.chars,
	    "%s: connections of these users arrive on %s, which has no %s "
	    "address: REDIRECT needs one there, and drops them without it",
	    prefix, name, family == AF_INET ? "IPv4" : "IPv6");
}

/* The default route does not say where the users are. */
static void
report_by_default(const struct doctor_context *context, const char *prefix,
    uint32_t interface)
{
	char name[IF_NAMESIZE] = "";

	if_indextoname(interface, name);
	finding_note(context->findings,
	    "%s: the only route to these users is the default route, through "
	    "%s: if their packets arrive on another link, add a route there",
	    prefix, name);
}

static void
check_user_route(
    const struct doctor_context *context, const struct prefix *prefix)
{
	union address user = trace_user(prefix);
	struct route route;
	char text[PREFIX_STRLEN], link[IF_NAMESIZE];
	bool is_linked = user_route_find_link(context, prefix, link);

	prefix_format(prefix, text);
	address_set_port(&user, sample_ports[0]);
	if (route_find(&user, 0, &route) == 0) {
		check_user_interface(
		    context, text, user.any.sa_family, route.interface);
		if (!route.is_local && !is_linked)
			report_by_default(context, text, route.interface);
	} else if (!doctor_context_sees_firewall(context) || !is_linked) {
		finding_problem(context->findings, NULL,
		    "ip route add PREFIX dev INTERFACE, towards the users",
		    "%s: this host has no route to these users, so it "
		    "cannot reply to them",
		    text);
	}
}

/* All of the prefix's addresses are this host's own, as far as tried. */
static bool
is_this_host(const struct prefix *prefix)
{
	const union address first = trace_user_first(prefix);
	const union address other = trace_user(prefix);

	return route_ends_here(&first) > 0 && route_ends_here(&other) > 0;
}

/* Follows the packet through the rules that may redirect it. */
static void
arrive(struct arrival *arrival, uint16_t port)
{
	struct walk *walk = &arrival->walk;

	arrival->remote = trace_external(arrival->users.family);
	address_set_port(&arrival->remote, port);
	trace_begin(
	    walk, &arrival->user, &arrival->remote, IPPROTO_TCP, arrival->link);
	walk_through(walk, arrival->context->ruleset,
	    arrival->is_own ? HOOK_OUTPUT : HOOK_PREROUTING);
	arrival->mark = walk->packet.fields[FIELD_MARK];
}

static void
report_untracked(
    const struct arrival *arrival, const char *how, const struct cause *cause)
{
	struct text fix = { 0 }, name;

	remedy_pass(arrival->context->ruleset, cause, &arrival->users, &fix);
	finding_problem(arrival->context->findings, fix.chars,
	    "change that rule so that it does not match these users",
	    "%s: a rule %s: %s", arrival->prefix, how,
	    remedy_name(cause, &name));
}

/*
 * The printed rules for nft precede all other rules but those of nft that rewrite
 * earlier. Those for iptables may follow the rule in the way.
 */
static bool
is_in_front(const struct doctor_context *context, const struct cause *cause,
    bool is_rewritten)
{
	return cause->rule && strncmp(cause->chain->name, "srcproxy-", 9) &&
	    (!context->has_nft ||
		(is_rewritten && cause->chain->priority < NAT_PRIORITY));
}

/* Returns "" if no command leads the users past the rule in front. */
static const char *
format_fix(const struct arrival *arrival, const struct cause *cause,
    bool is_rewritten, struct text *fix)
{
	const struct doctor_context *context = arrival->context;
	struct selection past = arrival->users;
	struct text chain, command;

	text_set(fix, "%s", context->rules);
	if (!is_in_front(context, cause, is_rewritten))
		return fix->chars;
	text_set(&chain, "srcproxy-client-%u", context->config->listen.port);
	past.jump = context->has_nft ? NULL : chain.chars;
	if (!remedy_pass(context->ruleset, cause, &past, &command))
		return text_set(fix, "%s", "");
	return text_add(fix, "; %s", command.chars);
}

static void
report_unredirected(const struct arrival *arrival)
{
	const struct doctor_context *context = arrival->context;
	const struct cause *ports = &arrival->walk.changes[FIELD_DPORT];
	const struct cause *cause =
	    ports->chain ? ports : &arrival->walk.passed;
	struct text fix, name = { 0 };

	if (cause->rule)
		remedy_name(cause, &name);
	finding_problem(context->findings,
	    format_fix(arrival, cause, ports->chain, &fix),
	    "change that rule so that it does not match these users",
	    "%s: no firewall rule redirects connections of these users%s%s%s "
	    "to port %u%s%s",
	    arrival->prefix, arrival->link ? ", which arrive on " : "",
	    arrival->link ? arrival->link : "", arrival->link ? "," : "",
	    context->config->listen.port,
	    name.len ? "; the rule that decides is " : "", name.chars);
}

/* False: no packet reaches the listener, or that is unknown. */
static bool
check_redirected(const struct arrival *arrival)
{
	const struct doctor_context *context = arrival->context;
	const struct walk *walk = &arrival->walk;
	uint16_t port = context->config->listen.port;
	const struct cause *ports = &walk->changes[FIELD_DPORT];
	const struct cause *states = &walk->changes[FIELD_CT_STATE];
	struct text name;

	if (packet_has(&walk->packet, FIELD_DPORT, port))
		return true;
	if (states->chain && states->is_sure)
		report_untracked(arrival,
		    "exempts these users from connection tracking (notrack), "
		    "so that their connections cannot be redirected",
		    states);
	else if (ports->chain && !ports->is_sure)
		finding_note(context->findings,
		    "%s: cannot tell whether the firewall redirects "
		    "these users to port %u: it depends on %s",
		    arrival->prefix, port, remedy_name(ports, &name));
	else
		report_unredirected(arrival);
	return false;
}

/* The client half looks up destinations in conntrack's default zone only. */
static bool
check_zone(const struct arrival *arrival)
{
	const struct cause *cause = &arrival->walk.changes[FIELD_CT_ZONE];

	if (!cause->chain || !cause->is_sure ||
	    packet_has(&arrival->walk.packet, FIELD_CT_ZONE, 0))
		return true;
	report_untracked(arrival,
	    "puts connections of these users into a zone of "
	    "conntrack (ct zone), where the client half cannot "
	    "look up their original destination",
	    cause);
	return false;
}

/* Follows the packet to the socket, and the first packet back. */
static bool
check_intake(struct arrival *arrival)
{
	const struct doctor_context *context = arrival->context;
	struct selection selection = arrival->users;
	const struct selection back = { .family = selection.family,
		.to = selection.from };
	struct walk *walk = &arrival->walk, answer;
	union address *own = &arrival->remote;
	struct text what;

	selection.port = context->config->listen.port;
	own->any.sa_family = AF_UNSPEC;
	if (arrival->link)
		find_address(arrival->link, selection.family, own);
	if (own->any.sa_family == selection.family) {
		walk->packet.fields[FIELD_DADDR] = value_of_address(own);
		if (!user_route_check_delivery(arrival, NULL))
			return false;
	}
	text_set(&what, "redirected packets of these users to port %u",
	    selection.port);
	walk_through(walk, context->ruleset, HOOK_INPUT);
	if (!user_route_check_answer(arrival, &answer))
		return false;
	if (walk->fate == FATE_ACCEPTED) {
		packet_follow(&walk->packet, &answer.packet);
		walk_through(walk, context->ruleset, HOOK_INPUT);
	}
	return !trace_report(context, walk, &selection, what.chars) &&
	    !trace_report(
		context, &answer, &back, "reply packets to these users");
}

/* False: this user's packets may not arrive, which is reported. */
static bool
check_user(struct arrival *arrival, const union address *user, uint16_t port)
{
	arrival->user = *user;
	arrive(arrival, port);
	if (arrival->walk.fate == FATE_DROPPED)
		return !trace_report(arrival->context, &arrival->walk,
		    &arrival->users, "packets of these users");
	return check_redirected(arrival) && check_zone(arrival) &&
	    (arrival->is_own || check_intake(arrival));
}

static void
check_tproxy(struct arrival *arrival)
{
	if (arrival->is_own)
		finding_note(arrival->context->findings,
		    "%s: these are addresses of this host, whose own "
		    "connections inbound.mode \"tproxy\" does not take",
		    arrival->prefix);
	else
		tproxy_check_users(arrival);
}

static void
check_redirection(
    const struct doctor_context *context, const struct prefix *prefix)
{
	const union address users[] = { trace_user(prefix),
		trace_user_first(prefix) };
	struct arrival arrival = { .context = context,
		.users = { .family = prefix->base.any.sa_family,
		    .from = prefix },
		.is_own = is_this_host(prefix) };
	char link[IF_NAMESIZE];

	if (!arrival.is_own)
		arrival.link = user_route_find_link(context, prefix, link);
	prefix_format(prefix, arrival.prefix);
	if (context->config->mode == INBOUND_TPROXY) {
		check_tproxy(&arrival);
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		if (!check_user(&arrival, &users[i], sample_ports[i]))
			return;
	}
	finding_ok(context->findings,
	    "%s: the firewall redirects connections of these users to port %u",
	    arrival.prefix, context->config->listen.port);
}

/* The kernel drops packets from a link that go to a loopback address. */
static void
report_loopback(const struct doctor_context *context, int family)
{
	const struct prefix_list *list = context->prefixes;
	uint16_t port = context->config->listen.port;
	char text[PREFIX_STRLEN];
	struct text advice;

	for (size_t i = 0; i < list->count; i++) {
		const struct prefix *prefix = &list->items[i];

		if (prefix->base.any.sa_family != family ||
		    is_this_host(prefix))
			continue;
		text_set(&advice,
		    "set inbound.listen to \":%u\", and restart the "
		    "client half",
		    port);
		finding_problem(context->findings, NULL, advice.chars,
		    "%s: inbound.listen is a loopback address, to which "
		    "only this host's own connections can be "
		    "redirected, not those of these users",
		    prefix_format(prefix, text));
		return;
	}
	finding_note(context->findings,
	    "inbound.listen is a loopback address (%s): only this host's own "
	    "connections can be redirected to it",
	    family == AF_INET ? "IPv4" : "IPv6");
}

/* A listener on [::] takes both families. */
static void
check_listener(const struct doctor_context *context, int family)
{
	const struct endpoint *listen = &context->config->listen;
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	bool has_any = false, has_outside = false;
	size_t count;

	if (!prefix_list_has_family(context->prefixes, family) ||
	    endpoint_resolve(listen, addresses, &count))
		return;
	for (size_t i = 0; i < count; i++) {
		bool is_one = addresses[i].any.sa_family == family ||
		    (addresses[i].any.sa_family == AF_INET6 &&
			address_is_unspecified(&addresses[i]));

		has_any |= is_one;
		has_outside |= is_one && !address_is_loopback(&addresses[i]);
	}
	if (!has_any)
		finding_problem(context->findings, NULL,
		    "set inbound.listen to \":PORT\", which listens for "
		    "both families, and restart the client half",
		    "inbound.listen has no %s address, so users of this "
		    "family cannot be redirected to it",
		    family == AF_INET ? "IPv4" : "IPv6");
	else if (!has_outside && context->config->mode != INBOUND_TPROXY)
		report_loopback(context, family);
}

bool
doctor_client_has_own(const struct doctor_context *context)
{
	const struct prefix_list *list = context->prefixes;
	bool has_own = false;

	if (context->config->kind == CONFIG_CLIENT &&
	    context->config->mode == INBOUND_REDIRECT) {
		for (size_t i = 0; i < list->count; i++)
			has_own |= is_this_host(&list->items[i]);
	}
	return has_own;
}

void
doctor_client_look(struct doctor_context *context)
{
	const struct prefix_list *list = context->prefixes;

	if (context->config->mode == INBOUND_TPROXY)
		tproxy_check_host(context);
	if (!doctor_context_sees_firewall(context))
		return;
	for (size_t i = 0; i < list->count; i++)
		check_redirection(context, &list->items[i]);
	local_network_check(context);
}

void
doctor_client_check(struct doctor_context *context)
{
	const struct prefix_list *list = context->prefixes;

	for (size_t i = 0; i < list->count; i++)
		check_user_route(context, &list->items[i]);
	check_listener(context, AF_INET);
	check_listener(context, AF_INET6);
	user_link_check(context);
	if (list->count == 0)
		finding_note(context->findings,
		    "the users' prefixes are not known, so the firewall was "
		    "not examined and no test request was sent: set "
		    "inbound.users, or add the prefixes to the command line");
}
