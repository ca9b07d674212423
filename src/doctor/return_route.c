#include "doctor/return_route.h"

#include <inttypes.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "doctor/local_delivery.h"
#include "doctor/trace.h"
#include "kernel/sysctl.h"
#include "net/route.h"
#include "proxy/source_bind.h"

/* "dstnat + 10", of the chain of "srcproxy rules" that sets the mark. */
#define MARKING_PRIORITY (-90)

/* Without IP_TRANSPARENT, IPv4 needs a route in the table local: ip(7). */
static bool
may_connect(const struct prefix *prefix, enum local_delivery_way way)
{
	return way == LOCAL_DELIVERY_LOCAL ||
	    prefix->base.any.sa_family != AF_INET ||
	    source_bind_is_transparent(AF_INET);
}

bool
return_route_is_there(
    const struct doctor_context *context, const struct prefix *prefix)
{
	struct local_delivery delivery;

	local_delivery_find(context, prefix, &delivery);
	return delivery.way != LOCAL_DELIVERY_NONE &&
	    may_connect(prefix, delivery.way);
}

#define AT_ZERO \
	"give that rule a preference above 0, then apply the rules again"

/* The printed rules step in front of that rule, unless it is at 0. */
static const char *
step_in_front(
    const struct doctor_context *context, const struct routing_rule *rule)
{
	return rule->preference > 0 ? context->rules : "";
}

static void
report_late(const struct doctor_context *context,
    const struct local_delivery *delivery, const char *prefix)
{
	char user[ADDRESS_STRLEN];
	struct text decisive = { 0 }, late = { 0 };

	finding_problem(context->findings,
	    step_in_front(context, delivery->decisive), AT_ZERO,
	    "%s: reply packets to these users, such as %s, are not delivered "
	    "on this host: the routing rule \"%s\" decides before \"%s\"",
	    prefix, address_format_host(&delivery->missing, user),
	    routing_rule_format(delivery->decisive, &decisive),
	    routing_rule_format(delivery->wanted, &late));
}

static void
report_missing(const struct doctor_context *context,
    const struct local_delivery *delivery, const char *prefix)
{
	char user[ADDRESS_STRLEN];

	if (delivery->wanted)
		report_late(context, delivery, prefix);
	else
		finding_problem(context->findings, context->rules, "",
		    "%s: reply packets to these users, such as %s, are "
		    "not delivered on this host: no routing rule and "
		    "local route are for them",
		    prefix, address_format_host(&delivery->missing, user));
}

/* Users are likely to need the rule's ports; its senders only perhaps. */
static void
report_exception(const struct doctor_context *context,
    const struct local_delivery *delivery, const char *prefix)
{
	const struct routing_rule *rule = delivery->exception;
	struct text name = { 0 };

	if (!rule)
		return;
	routing_rule_format(rule, &name);
	if (rule->has_unknown) {
		finding_note(context->findings,
		    "%s: cannot tell whether reply packets are delivered on "
		    "this host: the routing rule \"%s\" may decide for them, "
		    "by a condition that this program does not know",
		    prefix, name.chars);
		return;
	}
	if (!rule->sports[1] && !rule->dports[1]) {
		finding_note(context->findings,
		    "%s: reply packets from some hosts are not delivered on "
		    "this host: the routing rule \"%s\" decides for them",
		    prefix, name.chars);
		return;
	}
	finding_problem(context->findings, step_in_front(context, rule),
	    AT_ZERO,
	    "%s: reply packets from or to some ports are not delivered on this "
	    "host: the routing rule \"%s\" decides for them",
	    prefix, name.chars);
}

static void
check_route(const struct doctor_context *context, const struct prefix *prefix)
{
	struct findings *findings = context->findings;
	struct local_delivery delivery;
	char text[PREFIX_STRLEN];

	local_delivery_find(context, prefix, &delivery);
	prefix_format(prefix, text);
	if (!may_connect(prefix, delivery.way))
		finding_problem(findings, context->simple_rules, "",
		    "%s: this half cannot connect from these addresses: "
		    "it lacks IP_TRANSPARENT (CAP_NET_RAW), and the "
		    "prefix is not in the routing table local",
		    text);
	else if (delivery.way == LOCAL_DELIVERY_NONE)
		report_missing(context, &delivery, text);
	else if (delivery.way == LOCAL_DELIVERY_MARKED)
		finding_ok(findings,
		    "%s: packets with the firewall mark %s are "
		    "delivered on this host",
		    text, delivery.marks.chars);
	else
		finding_ok(findings,
		    "%s: all TCP packets to it are delivered on this host",
		    text);
	report_exception(context, &delivery, text);
}

/* The mark of replies to these users; if the firewall is not seen, our own. */
static uint32_t
find_mark(const struct doctor_context *context, const struct prefix *users)
{
	const union address user = prefix_sample(users);
	const union address external = trace_external(AF_INET);
	struct outgoing outgoing;

	if (!doctor_context_sees_firewall(context))
		return context->config->return_mark.value;
	trace_outgoing(context, &user, &external, &outgoing);
	return (uint32_t)outgoing.answer.packet.fields[FIELD_MARK].bits[1];
}

/*
 * A table that the mark selects may have a local route for all addresses. With
 * src_valid_mark each outside sender then looks like this host itself.
 * True: it was reported.
 */
static bool
check_valid_mark(
    const struct doctor_context *context, const struct prefix *users)
{
	const union address external = trace_external(AF_INET);
	struct route route;
	struct text fix;
	uint32_t mark;
	long all = 0;

	if (users->base.any.sa_family != AF_INET ||
	    !sysctl_read("ipv4/conf/all/src_valid_mark", &all) || !all)
		return false;
	mark = find_mark(context, users);
	if (!mark || route_find(&external, mark, &route) != 0 ||
	    !route.is_local)
		return false;
	text_set(&fix, "ip route del local default dev lo table %u; %s",
	    route.table, context->rules);
	finding_problem(context->findings, fix.chars, "",
	    "net.ipv4.conf.all.src_valid_mark is 1, and table %u delivers all "
	    "addresses here, not only the users': packets with the mark "
	    "0x%" PRIx32 " are dropped as spoofed",
	    route.table, mark);
	return true;
}

void
return_route_check_routes(const struct doctor_context *context)
{
	const struct prefix_list *list = context->prefixes;
	bool is_reported = false;

	for (size_t i = 0; i < list->count; i++) {
		check_route(context, &list->items[i]);
		is_reported =
		    is_reported || check_valid_mark(context, &list->items[i]);
	}
}

/* How many of the marks that a reply may have deliver it here. */
enum delivered {
	DELIVERED_UNKNOWN,
	DELIVERED_NONE,
	DELIVERED_SOME,
	DELIVERED_ALL
};

static enum delivered
try_marks(const struct doctor_context *context, const union address *user,
    const struct outgoing *outgoing, const struct routing_rule **decisive)
{
	const struct routing_rules *rules =
	    doctor_context_routing(context, user->any.sa_family);
	const struct value *mark = &outgoing->answer.packet.fields[FIELD_MARK];
	uint32_t unknown_bits = (uint32_t)mark->unknown[1];
	uint32_t known = (uint32_t)mark->bits[1];
	bool is_here =
	    local_delivery_has(context, user, outgoing->link, known, decisive);

	if (!unknown_bits)
		return is_here ? DELIVERED_ALL : DELIVERED_NONE;
	for (size_t i = 0; i < rules->count && !is_here; i++) {
		uint32_t tried = known | (rules->items[i].mark & unknown_bits);

		is_here = local_delivery_has(
		    context, user, outgoing->link, tried, decisive);
	}
	return is_here ? DELIVERED_SOME : DELIVERED_NONE;
}

/* Tries replies of one outside host first, then replies of any host. */
static enum delivered
find_delivered(const struct doctor_context *context, const union address *user,
    struct outgoing *outgoing, const struct routing_rule **decisive)
{
	union address remote = trace_external(user->any.sa_family);
	enum delivered delivered;

	trace_outgoing(context, user, &remote, outgoing);
	delivered = try_marks(context, user, outgoing, decisive);
	if (delivered != DELIVERED_NONE || outgoing->is_rewritten)
		return delivered;
	remote.any.sa_family = AF_UNSPEC;
	trace_outgoing(context, user, &remote, outgoing);
	delivered = try_marks(context, user, outgoing, decisive);
	return delivered == DELIVERED_ALL ? DELIVERED_SOME : delivered;
}

/*
 * Our rules for nft come at MARKING_PRIORITY. A rule behind them that sets
 * the whole mark must leave out packets that have ours.
 */
static bool
is_behind_ours(const struct doctor_context *context, const struct cause *cause)
{
	const struct chain *chain = context->ruleset->chains;

	if (!context->has_nft || !cause->chain)
		return false;
	while (chain &&
	    (chain->hook != HOOK_PREROUTING || chain->tool != TOOL_NFT ||
		chain->priority < MARKING_PRIORITY ||
		strcmp(chain->family, cause->chain->family) != 0 ||
		strcmp(chain->table, cause->chain->table) != 0))
		chain = chain->next;
	return chain;
}

static void
report_mark(const struct doctor_context *context, const struct prefix *prefix,
    const struct outgoing *outgoing, const char *marks)
{
	const struct cause *cause = &outgoing->answer.changes[FIELD_MARK];
	const struct mark *own = &context->config->return_mark;
	const struct selection marked = { .family = prefix->base.any.sa_family,
		.to = prefix,
		.mark = own->value,
		.mask = own->mask };
	char text[PREFIX_STRLEN];
	struct text fix, name;

	if (!is_behind_ours(context, cause) ||
	    !remedy_pass(context->ruleset, cause, &marked, &name))
		text_set(&name, "%s", "");
	text_set(
	    &fix, "%s%s%s", name.chars, name.len ? "; " : "", context->rules);
	finding_problem(context->findings, fix.chars, "",
	    "%s: no firewall rule sets the mark %s on reply packets to users, "
	    "so they are not delivered on this host%s%s",
	    prefix_format(prefix, text), marks,
	    cause->chain ? ": another mark is set by " : "",
	    cause->chain ? remedy_name(cause, &name) : "");
}

/* DELIVERED_UNKNOWN: no mark is needed, or the rules could not be read. */
static enum delivered
follow_replies(const struct doctor_context *context,
    const struct prefix *prefix, const struct local_delivery *delivery,
    struct outgoing *outgoing, struct text *mark)
{
	const union address user = prefix_sample(prefix);
	const struct routing_rule *decisive;
	enum delivered delivered;

	if (delivery->way != LOCAL_DELIVERY_MARKED ||
	    !doctor_context_sees_firewall(context))
		return DELIVERED_UNKNOWN;
	delivered = find_delivered(context, &user, outgoing, &decisive);
	if (delivered == DELIVERED_ALL)
		local_delivery_format_mark(decisive, mark);
	return delivered;
}

bool
return_route_takes_some(
    const struct doctor_context *context, const struct prefix *prefix)
{
	struct local_delivery delivery;
	struct outgoing outgoing;
	struct text mark = { 0 };

	local_delivery_find(context, prefix, &delivery);
	return follow_replies(context, prefix, &delivery, &outgoing, &mark) ==
	    DELIVERED_SOME;
}

bool
return_route_may_lack_mark(
    const struct doctor_context *context, const struct prefix *prefix)
{
	struct local_delivery delivery;
	struct outgoing outgoing;
	struct text mark = { 0 };

	local_delivery_find(context, prefix, &delivery);
	return delivery.way == LOCAL_DELIVERY_MARKED &&
	    follow_replies(context, prefix, &delivery, &outgoing, &mark) !=
	    DELIVERED_ALL;
}

/*
 * Packets of others that have our mark end here, too. That is what some rules
 * are for, but not those that "srcproxy rules" prints.
 */
static void
check_others_mark(const struct doctor_context *context,
    const struct prefix *prefix, const struct outgoing *outgoing)
{
	const struct mark *own = &context->config->return_mark;
	const union address user = prefix_sample(prefix);
	const union address remote = trace_external(user.any.sa_family);
	const struct routing_rule *decisive;
	char text[PREFIX_STRLEN], mark[MARK_STRLEN];
	const struct value *given;
	struct text name;
	struct walk walk;

	trace_begin(&walk, &remote, &user, IPPROTO_TCP, outgoing->link);
	walk_through(&walk, context->ruleset, HOOK_PREROUTING);
	given = &walk.packet.fields[FIELD_MARK];
	if (!walk.changes[FIELD_MARK].chain || given->unknown[1] ||
	    !local_delivery_has(context, &user, outgoing->link,
		(uint32_t)given->bits[1], &decisive) ||
	    decisive->mark != own->value || decisive->mask != own->mask)
		return;
	finding_problem(context->findings, NULL,
	    "set return_mark to other bits, and apply the rules again",
	    "%s: others' connections to the users end here: their packets have "
	    "the mark %s, which is set by %s",
	    prefix_format(prefix, text), mark_format(own, mark),
	    remedy_name(&walk.changes[FIELD_MARK], &name));
}

void
return_route_check_mark(
    const struct doctor_context *context, const struct prefix *prefix)
{
	struct local_delivery delivery;
	struct outgoing outgoing;
	enum delivered delivered;
	char text[PREFIX_STRLEN];
	struct text name = { 0 };

	local_delivery_find(context, prefix, &delivery);
	prefix_format(prefix, text);
	delivered =
	    follow_replies(context, prefix, &delivery, &outgoing, &name);
	switch (delivered) {
	case DELIVERED_UNKNOWN:
		break;
	case DELIVERED_ALL:
		finding_ok(context->findings,
		    "%s: the firewall sets the mark %s on reply packets", text,
		    name.chars);
		break;
	case DELIVERED_SOME:
		finding_note(context->findings,
		    "%s: cannot tell which reply packets get the mark %s: it "
		    "depends on %s",
		    text, delivery.marks.chars,
		    remedy_name(&outgoing.answer.changes[FIELD_MARK], &name));
		break;
	case DELIVERED_NONE:
		/* return_path_check() reports a rule that drops them. */
		if (outgoing.answer.fate != FATE_DROPPED &&
		    !outgoing.is_rewritten)
			report_mark(
			    context, prefix, &outgoing, delivery.marks.chars);
		break;
	}
	if (delivered != DELIVERED_UNKNOWN)
		check_others_mark(context, prefix, &outgoing);
}
