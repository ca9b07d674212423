#include "doctor/user_route.h"

#include <ifaddrs.h>
#include <inttypes.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/deadline.h"
#include "doctor/trace.h"
#include "kernel/capture.h"
#include "kernel/counters.h"
#include "kernel/sysctl.h"
#include "net/route.h"

#define ARRIVAL_MS 1200 /* a SYN is sent again after a second */
#define SETTLE_MS 50    /* the interface above has the packet at once */
#define STRICT 1        /* of rp_filter */

/* Of the values for all links and for this one, the higher one counts. */
static long
read_setting(const char *name, const char *link)
{
	long all = 0, own = 0;
	struct text path;

	sysctl_read(text_set(&path, "ipv4/conf/all/%s", name), &all);
	if (link)
		sysctl_read(
		    text_set(&path, "ipv4/conf/%s/%s", link, name), &own);
	return all > own ? all : own;
}

static bool
is_strict(const char *link)
{
	return read_setting("rp_filter", link) == STRICT;
}

bool
user_route_is_by_mark(const char *link)
{
	return read_setting("src_valid_mark", link) > 0;
}

/* How this host routes packets with that source and mark. */
struct search {
	const struct routing_rules *rules;
	union address from; /* AF_UNSPEC: no address yet */
	uint32_t mark;
};

/* Returns as routing_rules_ask(). */
static int
find(const struct search *search, const union address *to,
    struct routing_answer *answer)
{
	const struct routing_question question = {
		.from = search->from, .to = *to, .mark = search->mark
	};

	return routing_rules_ask(search->rules, &question, answer);
}

/* The default route leads there, too: it does not say where the users are. */
static bool
is_by_default(const struct search *search, int family,
    const struct routing_answer *answer)
{
	const union address *gateway = &answer->gateway;
	const union address external = trace_external(family);
	struct routing_answer other;

	return find(search, &external, &other) == RTN_UNICAST &&
	    other.interface == answer->interface &&
	    other.gateway.any.sa_family == gateway->any.sa_family &&
	    (gateway->any.sa_family == AF_UNSPEC ||
		address_same_host(&other.gateway, gateway));
}

static bool
find_own_route(const struct search *search, const union address *user,
    struct routing_answer *answer)
{
	return find(search, user, answer) == RTN_UNICAST &&
	    !is_by_default(search, user->any.sa_family, answer);
}

/*
 * Finds the route to the users that is not the default route. If a rule leads
 * elsewhere, a rule behind it may know the way.
 */
static bool
find_usual(const struct routing_rules *rules, const union address *user,
    struct routing_answer *answer)
{
	struct search search = { .rules = rules };

	if (find_own_route(&search, user, answer))
		return true;
	for (size_t i = 0; i < rules->count; i++) {
		const struct routing_rules alone = { &rules->items[i], 1 };

		search.rules = &alone;
		if (!rules->items[i].mark &&
		    find_own_route(&search, user, answer))
			return true;
	}
	return false;
}

const char *
user_route_find_link(const struct doctor_context *context,
    const struct prefix *users, char name[IF_NAMESIZE])
{
	const union address user = trace_user(users);
	struct routing_answer answer;

	return find_usual(doctor_context_routing(context, user.any.sa_family),
		   &user, &answer)
	    ? if_indextoname(answer.interface, name)
	    : NULL;
}

/* fix: a rule in front of the one that decides; "" if none can be. */
static void
format_fix(const struct routing_answer *answer, const char *to, bool is_ipv4,
    uint32_t table, struct text *fix)
{
	const struct routing_rule *first =
	    answer->jump ? answer->jump : answer->rule;

	if (first && first->preference > 0)
		text_add(fix, "ip -%d rule add to %s lookup %u pref %u",
		    is_ipv4 ? 4 : 6, to, table, first->preference - 1);
}

static void
report(const struct arrival *arrival, const struct routing_rules *rules,
    const struct routing_answer *answer)
{
	struct text fix = { 0 }, rule = { 0 };
	struct routing_answer usual;

	if (find_usual(rules, &arrival->user, &usual))
		format_fix(answer, arrival->prefix,
		    arrival->users.family == AF_INET, usual.rule->table, &fix);
	finding_problem(arrival->context->findings, fix.chars,
	    "let the routing rules lead these replies to the users' link",
	    "%s: reply packets to these users do not leave by %s, on which "
	    "their packets arrive: %s%s%s",
	    arrival->prefix, arrival->link,
	    answer->rule ? "the routing rule \"" : "there is no route",
	    answer->rule ? routing_rule_format(answer->rule, &rule) : "",
	    answer->rule ? "\" decides" : "");
}

/*
 * A route by another link is fine if it is for the users, and if the kernel does
 * not compare it with the link that they come in by.
 */
static bool
check_mark(const struct arrival *arrival, const struct routing_rules *rules,
    const struct value *mark)
{
	const struct search search = { .rules = rules,
		.from = arrival->remote,
		.mark = (uint32_t)mark->bits[1] };
	int family = arrival->users.family;
	struct routing_answer answer;
	int type = find(&search, &arrival->user, &answer);

	/* One of the users' addresses may be this host's own. */
	if (!value_is_known(mark) || type < 0 || type == RTN_LOCAL)
		return true;
	if (type == RTN_UNICAST &&
	    (!answer.interface ||
		answer.interface == if_nametoindex(arrival->link) ||
		((family == AF_INET6 || !is_strict(arrival->link)) &&
		    !is_by_default(&search, family, &answer))))
		return true;
	report(arrival, rules, &answer);
	return false;
}

/* answer: behind HOOK_OUTPUT. */
static bool
check_routes(const struct arrival *arrival, const struct walk *answer)
{
	int family = arrival->users.family;
	const struct routing_rules *rules =
	    doctor_context_routing(arrival->context, family);

	if (!arrival->link || arrival->remote.any.sa_family != family)
		return true;
	return check_mark(arrival, rules, &answer->packet.fields[FIELD_MARK]) &&
	    (family == AF_INET6 || !user_route_is_by_mark(arrival->link) ||
		!is_strict(arrival->link) ||
		check_mark(arrival, rules, &arrival->mark));
}

bool
user_route_check_answer(const struct arrival *arrival, struct walk *answer)
{
	struct ruleset *ruleset = arrival->context->ruleset;

	trace_answer(answer, &arrival->walk, arrival->link);
	walk_through(answer, ruleset, HOOK_OUTPUT);
	if (!check_routes(arrival, answer))
		return false;
	walk_through(answer, ruleset, HOOK_POSTROUTING);
	return true;
}

static void
report_undelivered(const struct arrival *arrival, const char *ours,
    uint32_t mark, const struct routing_answer *answer)
{
	char own[ADDRESS_STRLEN];
	struct text fix = { 0 }, rule = { 0 };

	address_format_host(&arrival->remote, own);
	if (ours)
		text_set(&fix, "%s", ours);
	else
		format_fix(answer, own, arrival->users.family == AF_INET,
		    RT_TABLE_LOCAL, &fix);
	finding_problem(arrival->context->findings, fix.chars,
	    "let a routing rule in front of that one deliver them",
	    "%s: packets of these users, which have the mark 0x%" PRIx32
	    ", are not delivered on this host%s%s%s",
	    arrival->prefix, mark,
	    answer->rule ? ": the routing rule \"" : ": there is no route",
	    answer->rule ? routing_rule_format(answer->rule, &rule) : "",
	    answer->rule ? "\" decides" : "");
}

bool
user_route_check_delivery(const struct arrival *arrival, const char *fix)
{
	const struct routing_question question = { .from = arrival->user,
		.to = arrival->remote,
		.iif = arrival->link,
		.mark = (uint32_t)arrival->mark.bits[1] };
	struct routing_answer answer;
	int type = routing_rules_ask(
	    doctor_context_routing(arrival->context, arrival->users.family),
	    &question, &answer);

	if (!value_is_known(&arrival->mark) || type < 0 || type == RTN_LOCAL)
		return true;
	report_undelivered(arrival, fix, question.mark, &answer);
	return false;
}

static bool
leads_to_server(const struct doctor_context *context, uint32_t interface)
{
	const struct endpoint_list *servers = &context->config->servers;
	size_t i = 0;

	while (i < servers->count &&
	    !route_leads_to(&servers->items[i].address, interface))
		i++;
	return i < servers->count;
}

bool
user_route_is_in_use(
    const struct doctor_context *context, const char *link, int family)
{
	const struct prefix_list *list = context->prefixes;
	uint32_t interface = if_nametoindex(link);
	const union address external = trace_external(family);
	char name[IF_NAMESIZE];
	bool is_used = route_leads_to(&external, interface) ||
	    leads_to_server(context, interface);

	for (size_t i = 0; i < list->count && !is_used; i++)
		is_used =
		    user_route_find_link(context, &list->items[i], name) &&
		    !strcmp(name, link);
	return is_used;
}

/*
 * Connections to this host's own addresses include doctor's test requests. A
 * server half that delivers all TCP to the users (rules --simple) sends ARP in
 * their name. Other ARP is of users: the kernel does not answer it there.
 */
static bool
is_foreign(const struct doctor_context *context, const union address *to,
    uint32_t interface)
{
	return to->any.sa_family == AF_UNSPEC
	    ? !leads_to_server(context, interface)
	    : route_ends_here(to) == 0;
}

/* A user's packet on another link than that of the route to the user. */
struct stray {
	union address user;
	uint32_t interface, back; /* 0: none */
};

/*
 * A packet on a port of a bridge, or on a link that carries VLANs, comes in again
 * on the interface above: that one counts.
 */
static void
look_at_arrival(const struct doctor_context *context, const union address *user,
    const union address *to, uint32_t interface, struct stray *stray)
{
	char link[IF_NAMESIZE];
	struct route route;

	if (!prefix_list_contains(context->prefixes, user) ||
	    route_find(user, 0, &route) || route.is_local)
		return;
	if (route.interface != interface && !stray->back &&
	    is_foreign(context, to, interface) &&
	    if_indextoname(interface, link) && is_strict(link))
		*stray = (struct stray){ *user, interface, route.interface };
	else if (route.interface == interface && stray->back &&
	    address_same_host(user, &stray->user))
		stray->back = 0;
}

static void
look_at_arrivals(const struct doctor_context *context, struct stray *stray)
{
	union address from, to;
	uint32_t interface;

	while (
	    capture_next_arrival(context->arrivals_fd, &from, &to, &interface))
		look_at_arrival(context, &from, &to, interface, stray);
}

static void
report_stray(const struct doctor_context *context, const struct stray *stray)
{
	char link[IF_NAMESIZE] = "", back[IF_NAMESIZE] = "";
	char text[ADDRESS_STRLEN];
	struct text fix;

	if_indextoname(stray->interface, link);
	if_indextoname(stray->back, back);
	/* With dots sysctl(8) would split the name of a VLAN's interface. */
	text_set(&fix, "sysctl -w net/ipv4/conf/%s/rp_filter=2", link);
	finding_problem(context->findings, fix.chars, "",
	    "packets of the user %s arrive on %s, but the route to this user "
	    "leads to %s: rp_filter is 1 (strict) on %s and drops them",
	    address_format_host(&stray->user, text), link, back, link);
}

static void
report_dropped(const struct doctor_context *context, const char *link)
{
	uint64_t dropped = counters_filtered();

	if (dropped)
		finding_note(context->findings,
		    "rp_filter is 1 (strict) on %s, and has dropped %" PRIu64
		    " packets on this host: users whose packets arrive there "
		    "cannot connect, because the route to them leads to "
		    "another link; to take their packets: sysctl -w "
		    "net/ipv4/conf/%s/rp_filter=2",
		    link, dropped, link);
}

/* Finds a strict link that leads neither to users nor to the server half. */
static bool
find_other_link(const struct doctor_context *context, char name[IF_NAMESIZE])
{
	struct ifaddrs *list = NULL;
	bool is_found = false;

	getifaddrs(&list);
	for (const struct ifaddrs *entry = list; entry && !is_found;
	     entry = entry->ifa_next) {
		is_found = entry->ifa_addr &&
		    entry->ifa_addr->sa_family == AF_INET &&
		    (entry->ifa_flags & IFF_UP) &&
		    !(entry->ifa_flags & IFF_LOOPBACK) &&
		    is_strict(entry->ifa_name) &&
		    !user_route_is_in_use(context, entry->ifa_name, AF_INET);
		if (is_found)
			strcpy(name, entry->ifa_name);
	}
	if (list)
		freeifaddrs(list);
	return is_found;
}

void
user_route_check_arrivals(struct doctor_context *context)
{
	struct pollfd polled = { context->arrivals_fd, POLLIN, 0 };
	char link[IF_NAMESIZE];
	bool may_stray = find_other_link(context, link);
	int64_t deadline = deadline_after(may_stray ? ARRIVAL_MS : SETTLE_MS);
	struct stray stray = { .back = 0 };

	if (polled.fd < 0 ||
	    !prefix_list_has_family(context->prefixes, AF_INET))
		return;
	do {
		bool is_first = !stray.back;

		look_at_arrivals(context, &stray);
		if (is_first && stray.back)
			deadline = deadline_after(SETTLE_MS);
	} while (deadline_left(deadline) > 0 &&
	    poll(&polled, 1, deadline_poll(deadline)) > 0);
	if (stray.back)
		report_stray(context, &stray);
	else if (may_stray)
		report_dropped(context, link);
}
