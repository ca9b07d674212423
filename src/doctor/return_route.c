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

#define REMEDY_MAX_LEN 2048

/* Without IP_TRANSPARENT IPv4 connects from the table local only: ip(7). */
static bool
may_connect(const struct prefix *prefix, enum delivery_way way)
{
	return way == DELIVERY_LOCAL || prefix->base.any.sa_family != AF_INET ||
	    source_is_transparent(AF_INET);
}

bool
doctor_return_is_there(const struct prefix *prefix)
{
	struct delivery delivery;

	delivery_find(prefix, &delivery);
	return delivery.way != DELIVERY_NONE &&
	    may_connect(prefix, delivery.way);
}

static void
report_missing(const struct examination *examination,
    const struct delivery *delivery, const char *prefix)
{
	const struct policy_rule *late = &delivery->late;
	bool is_behind_main = late->priority > DELIVERY_MAIN_PRIORITY;
	char remedy[REMEDY_MAX_LEN], user[ADDRESS_STRLEN];
	int family = delivery->missing.any.sa_family;

	address_format_host(&delivery->missing, user);
	snprintf(remedy, sizeof(remedy),
	    "%s; ip -%d rule add fwmark 0x%" PRIx32 "/0x%" PRIx32
	    " table %u pref 1",
	    examination->rules, family == AF_INET ? 4 : 6, late->mark,
	    late->mask, late->table);
	if (late->table)
		finding_wrong(examination->findings, remedy,
		    "%s: no route delivers to this host what comes back for "
		    "these users, as the rule for the mark 0x%" PRIx32
		    " (ip rule) has the priority %u, behind %s, which "
		    "decides for %s",
		    prefix, late->mark, late->priority,
		    is_behind_main ? "32766, that of the table main"
				   : "another one",
		    user);
	else
		finding_wrong(examination->findings, examination->rules,
		    "%s: no route delivers to this host what comes back for "
		    "these users, such as %s",
		    prefix, user);
}

static void
check_route(const struct examination *examination, const struct prefix *prefix)
{
	struct findings *findings = examination->findings;
	char text[PREFIX_STRLEN], marks[DELIVERY_MARKS_STRLEN];
	struct delivery delivery;

	delivery_find(prefix, &delivery);
	prefix_format(prefix, text);
	if (!may_connect(prefix, delivery.way))
		finding_wrong(findings, examination->simple_rules,
		    "%s: without IP_TRANSPARENT (CAP_NET_RAW) nobody connects "
		    "from there, as it is not in the routing table local",
		    text);
	else if (delivery.way == DELIVERY_NONE)
		report_missing(examination, &delivery, text);
	else if (delivery.way == DELIVERY_MARKED)
		finding_ok(findings,
		    "%s: what has the mark %s is delivered here", text,
		    delivery_format_marks(&delivery, marks));
	else
		finding_ok(
		    findings, "%s: all TCP for it is delivered here", text);
}

/*
 * A local route for all addresses in a table that a mark selects: with
 * src_valid_mark each sender outside looks like this host itself.
 */
static void
check_valid_mark(const struct examination *examination)
{
	struct policy_rule rules[POLICY_MAX_RULES];
	size_t count = policy_list_marked(AF_INET, rules);
	union address outside;
	char remedy[REMEDY_MAX_LEN];
	struct route route;
	long all = 0;

	outside_sample(AF_INET, &outside);
	if (!sysctl_read("ipv4/conf/all/src_valid_mark", &all) || !all)
		return;
	for (size_t i = 0; i < count; i++) {
		if (route_find(&outside, rules[i].mark, &route) != 0 ||
		    !route.is_local)
			continue;
		snprintf(remedy, sizeof(remedy),
		    "ip route del local default dev lo table %u; %s",
		    route.table, examination->rules);
		finding_wrong(examination->findings, remedy,
		    "net.ipv4.conf.all.src_valid_mark is 1, and table %u "
		    "delivers all addresses here, not only the users': what "
		    "has the mark 0x%" PRIx32 " is dropped as spoofed",
		    route.table, rules[i].mark);
	}
}

void
doctor_return_check_routes(const struct examination *examination)
{
	const struct prefix_list *list = examination->prefixes;

	for (size_t i = 0; i < list->count; i++)
		check_route(examination, &list->items[i]);
	if (prefix_list_has_family(list, AF_INET))
		check_valid_mark(examination);
}

static bool
is_given(const char *rules, const struct delivery *delivery)
{
	for (size_t i = 0; i < delivery->rule_count; i++) {
		if (ruleset_marks(rules, delivery->rules[i].mark,
			delivery->rules[i].mask))
			return true;
	}
	return false;
}

void
doctor_return_check_mark(
    const struct examination *examination, const struct prefix *prefix)
{
	struct findings *findings = examination->findings;
	char text[PREFIX_STRLEN], marks[DELIVERY_MARKS_STRLEN];
	const char *rules =
	    examination_firewall(examination, prefix->base.any.sa_family);
	struct delivery delivery;

	delivery_find(prefix, &delivery);
	if (delivery.way != DELIVERY_MARKED || !rules)
		return;
	prefix_format(prefix, text);
	delivery_format_marks(&delivery, marks);
	if (is_given(rules, &delivery))
		finding_ok(findings, "%s: the firewall gives the mark %s", text,
		    marks);
	else
		finding_wrong(findings, examination->rules,
		    "%s: no rule of the firewall gives the mark %s: replies "
		    "to users are not delivered here",
		    text, marks);
}
