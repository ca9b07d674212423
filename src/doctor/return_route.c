#include "doctor/return_route.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "doctor/external.h"
#include "doctor/local_delivery.h"
#include "firewall/ruleset.h"
#include "kernel/route.h"
#include "kernel/sysctl.h"
#include "proxy/source_bind.h"

#define FIX_MAX_LEN 2048

/* Without IP_TRANSPARENT IPv4 connects from the table local only: ip(7). */
static bool
may_connect(const struct prefix *prefix, enum local_delivery_way way)
{
	return way == LOCAL_DELIVERY_LOCAL ||
	    prefix->base.any.sa_family != AF_INET ||
	    source_bind_is_transparent(AF_INET);
}

bool
return_route_is_there(const struct prefix *prefix)
{
	struct local_delivery delivery;

	local_delivery_find(prefix, &delivery);
	return delivery.way != LOCAL_DELIVERY_NONE &&
	    may_connect(prefix, delivery.way);
}

static void
report_missing(const struct doctor_context *context,
    const struct local_delivery *delivery, const char *prefix)
{
	const struct routing_rule *late = &delivery->late;
	bool is_behind_main = late->priority > LOCAL_DELIVERY_MAIN_PRIORITY;
	char fix[FIX_MAX_LEN], user[ADDRESS_STRLEN];
	int family = delivery->missing.any.sa_family;

	address_format_host(&delivery->missing, user);
	snprintf(fix, sizeof(fix),
	    "%s; ip -%d rule add fwmark 0x%" PRIx32 "/0x%" PRIx32
	    " table %u pref 1",
	    context->rules, family == AF_INET ? 4 : 6, late->mark, late->mask,
	    late->table);
	if (late->table)
		finding_problem(context->findings, fix,
		    "%s: no route delivers to this host what comes back for "
		    "these users, as the rule for the mark 0x%" PRIx32
		    " (ip rule) has the priority %u, behind %s, which "
		    "decides for %s",
		    prefix, late->mark, late->priority,
		    is_behind_main ? "32766, that of the table main"
				   : "another one",
		    user);
	else
		finding_problem(context->findings, context->rules,
		    "%s: no route delivers to this host what comes back for "
		    "these users, such as %s",
		    prefix, user);
}

static void
check_route(const struct doctor_context *context, const struct prefix *prefix)
{
	struct findings *findings = context->findings;
	char text[PREFIX_STRLEN], marks[LOCAL_DELIVERY_MARKS_STRLEN];
	struct local_delivery delivery;

	local_delivery_find(prefix, &delivery);
	prefix_format(prefix, text);
	if (!may_connect(prefix, delivery.way))
		finding_problem(findings, context->simple_rules,
		    "%s: without IP_TRANSPARENT (CAP_NET_RAW) nobody connects "
		    "from there, as it is not in the routing table local",
		    text);
	else if (delivery.way == LOCAL_DELIVERY_NONE)
		report_missing(context, &delivery, text);
	else if (delivery.way == LOCAL_DELIVERY_MARKED)
		finding_ok(findings,
		    "%s: what has the mark %s is delivered here", text,
		    local_delivery_format_marks(&delivery, marks));
	else
		finding_ok(
		    findings, "%s: all TCP for it is delivered here", text);
}

/*
 * A local route for all addresses in a table that a mark selects: with
 * src_valid_mark each sender outside looks like this host itself.
 */
static void
check_valid_mark(const struct doctor_context *context)
{
	struct routing_rule rules[ROUTING_RULES_MAX];
	size_t count = routing_rules_list_marked(AF_INET, rules);
	union address external;
	char fix[FIX_MAX_LEN];
	struct route route;
	long all = 0;

	external_sample(AF_INET, &external);
	if (!sysctl_read("ipv4/conf/all/src_valid_mark", &all) || !all)
		return;
	for (size_t i = 0; i < count; i++) {
		if (route_find(&external, rules[i].mark, &route) != 0 ||
		    !route.is_local)
			continue;
		snprintf(fix, sizeof(fix),
		    "ip route del local default dev lo table %u; %s",
		    route.table, context->rules);
		finding_problem(context->findings, fix,
		    "net.ipv4.conf.all.src_valid_mark is 1, and table %u "
		    "delivers all addresses here, not only the users': what "
		    "has the mark 0x%" PRIx32 " is dropped as spoofed",
		    route.table, rules[i].mark);
	}
}

void
return_route_check_routes(const struct doctor_context *context)
{
	const struct prefix_list *list = context->prefixes;

	for (size_t i = 0; i < list->count; i++)
		check_route(context, &list->items[i]);
	if (prefix_list_has_family(list, AF_INET))
		check_valid_mark(context);
}

static bool
is_given(const char *rules, const struct local_delivery *delivery)
{
	for (size_t i = 0; i < delivery->rule_count; i++) {
		if (ruleset_marks(rules, delivery->rules[i].mark,
			delivery->rules[i].mask))
			return true;
	}
	return false;
}

void
return_route_check_mark(
    const struct doctor_context *context, const struct prefix *prefix)
{
	struct findings *findings = context->findings;
	char text[PREFIX_STRLEN], marks[LOCAL_DELIVERY_MARKS_STRLEN];
	const char *rules =
	    doctor_context_firewall(context, prefix->base.any.sa_family);
	struct local_delivery delivery;

	local_delivery_find(prefix, &delivery);
	if (delivery.way != LOCAL_DELIVERY_MARKED || !rules)
		return;
	prefix_format(prefix, text);
	local_delivery_format_marks(&delivery, marks);
	if (is_given(rules, &delivery))
		finding_ok(findings, "%s: the firewall gives the mark %s", text,
		    marks);
	else
		finding_problem(findings, context->rules,
		    "%s: no rule of the firewall gives the mark %s: replies "
		    "to users are not delivered here",
		    text, marks);
}
