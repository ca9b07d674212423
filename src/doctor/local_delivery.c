#include "doctor/local_delivery.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

#include "doctor/external.h"
#include "kernel/route.h"

/*
 * That the table main answers is no wonder where the rule's table has no route
 * and comes before it. error: of the question.
 */
static bool
is_late(const struct routing_rule *rule, int error, const struct route *route)
{
	if (error)
		return error != -ENETUNREACH;
	if (route->table == RT_TABLE_MAIN || route->table == RT_TABLE_DEFAULT)
		return rule->priority > LOCAL_DELIVERY_MAIN_PRIORITY;
	return route->table != rule->table;
}

/* Validation of sources may say no to the one, as to all that comes there. */
static int
find_by_rule(const union address *user, const struct routing_rule *rule,
    struct route *route)
{
	union address external;

	if (!rule->interface)
		return route_find(user, rule->mark, route);
	external_sample(user->any.sa_family, &external);
	return route_find_arriving(
	    &external, rule->interface, user, rule->mark, route);
}

static void
find_marked(const union address *user, struct local_delivery *delivery)
{
	size_t count =
	    routing_rules_list_marked(user->any.sa_family, delivery->rules);
	struct route route;

	for (size_t i = 0; i < count; i++) {
		const struct routing_rule rule = delivery->rules[i];

		int error = find_by_rule(user, &rule, &route);

		if (is_late(&rule, error, &route))
			delivery->late = rule;
		if (error || !route.is_local || route.table != rule.table)
			continue;
		delivery->way = LOCAL_DELIVERY_MARKED;
		delivery->rules[delivery->rule_count++] = rule;
	}
}

static void
find_one(const union address *user, struct local_delivery *delivery)
{
	struct route route;

	*delivery = (struct local_delivery){ .way = LOCAL_DELIVERY_NONE,
		.missing = *user };
	if (route_find(user, 0, &route) || !route.is_local)
		find_marked(user, delivery);
	else if (route.table == RT_TABLE_LOCAL)
		delivery->way = LOCAL_DELIVERY_LOCAL;
	else
		delivery->way = LOCAL_DELIVERY_ALL;
}

/*
 * A route may be for a part of the prefix only, and one of its addresses may be
 * this host's own: the lesser of two ways counts.
 */
void
local_delivery_find(
    const struct prefix *prefix, struct local_delivery *delivery)
{
	union address user;
	struct local_delivery first;

	prefix_sample(prefix, &user);
	find_one(&user, delivery);
	prefix_sample_first(prefix, &user);
	find_one(&user, &first);
	if (first.way < delivery->way)
		*delivery = first;
}

const char *
local_delivery_format_marks(const struct local_delivery *delivery,
    char text[LOCAL_DELIVERY_MARKS_STRLEN])
{
	size_t len = 0;

	*text = '\0';
	for (size_t i = 0;
	     i < delivery->rule_count && len < LOCAL_DELIVERY_MARKS_STRLEN;
	     i++) {
		const struct routing_rule *rule = &delivery->rules[i];
		char mask[16] = "";

		if (rule->mask != UINT32_MAX)
			snprintf(mask, sizeof(mask), "/0x%" PRIx32, rule->mask);
		len += (size_t)snprintf(text + len,
		    LOCAL_DELIVERY_MARKS_STRLEN - len, "%s0x%" PRIx32 "%s",
		    len > 0 ? ", " : "", rule->mark, mask);
	}
	return text;
}
