#include "kernel/routing_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "net/netlink.h"
#include "net/route.h"

/* FRA_SPORT_MASK and FRA_DPORT_MASK are newer than many systems' headers. */
enum { SPORT_MASK = 28, DPORT_MASK = 29 };

/* Attributes that are copied into the rule unchanged. */
static const struct {
	uint16_t type;
	size_t offset, len;
} copied[] = {
#define COPIED(type, member)                                      \
	{                                                         \
		type, offsetof(struct routing_rule, member),      \
		    sizeof(((struct routing_rule *)NULL)->member) \
	}
	COPIED(FRA_PRIORITY, preference),
	COPIED(FRA_TABLE, table),
	COPIED(FRA_GOTO, target),
	COPIED(FRA_FWMARK, mark),
	COPIED(FRA_FWMASK, mask),
	COPIED(FRA_SUPPRESS_PREFIXLEN, suppressed), /* -1: none */
	COPIED(FRA_UID_RANGE, uids),
	COPIED(FRA_IP_PROTO, protocol),
	COPIED(FRA_SPORT_RANGE, sports),
	COPIED(FRA_DPORT_RANGE, dports),
	COPIED(SPORT_MASK, sport_mask),
	COPIED(DPORT_MASK, dport_mask),
	COPIED(FRA_IIFNAME, iif),
	COPIED(FRA_OIFNAME, oif),
	/* These do not select packets. */
	{ FRA_PROTOCOL, 0, 0 },
	{ FRA_FLOW, 0, 0 },
	{ FRA_PAD, 0, 0 },
};

/* Their words, and the routes that some are like. */
static const struct {
	const char *name;
	uint8_t type;
} actions[FR_ACT_MAX + 1] = {
	[FR_ACT_TO_TBL] = { "lookup", RTN_UNSPEC },
	[FR_ACT_GOTO] = { "goto", RTN_UNSPEC },
	[FR_ACT_NOP] = { "nop", RTN_UNSPEC },
	[FR_ACT_BLACKHOLE] = { "blackhole", RTN_BLACKHOLE },
	[FR_ACT_UNREACHABLE] = { "unreachable", RTN_UNREACHABLE },
	[FR_ACT_PROHIBIT] = { "prohibit", RTN_PROHIBIT },
};

enum answer { ANSWER_NO, ANSWER_MAYBE, ANSWER_YES };

static void
read_prefix(struct netlink_part raw, uint8_t len, struct prefix *prefix)
{
	if (raw.len != 4 && raw.len != 16)
		return;
	address_from_raw(&prefix->base, raw.data, raw.len, 0);
	prefix->bit_count = len;
}

static void
read_attribute(struct routing_rule *rule, const struct fib_rule_hdr *header,
    uint16_t type, struct netlink_part attribute)
{
	size_t i = 0, len;

	if (type == FRA_SRC)
		read_prefix(attribute, header->src_len, &rule->from);
	if (type == FRA_DST)
		read_prefix(attribute, header->dst_len, &rule->to);
	if (type == FRA_SRC || type == FRA_DST)
		return;
	while (i < COUNT(copied) && copied[i].type != type)
		i++;
	if (i == COUNT(copied)) {
		rule->has_unknown = true;
		return;
	}
	len = attribute.len < copied[i].len ? attribute.len : copied[i].len;
	memcpy((uint8_t *)rule + copied[i].offset, attribute.data, len);
}

/* Counts a rule even if there is no memory for it. */
static void
take_rule(const union netlink_message *answer, void *context)
{
	struct routing_rules *rules = context;
	const struct fib_rule_hdr *header = NLMSG_DATA(&answer->header);
	struct netlink_part rest = netlink_attributes(answer, sizeof(*header));
	struct netlink_part attribute;
	struct routing_rule *rule;
	uint16_t type;

	if (rules->count++ > 0 && !rules->items)
		return;
	rule = reallocarray(rules->items, rules->count, sizeof(*rule));
	if (!rule)
		free(rules->items);
	rules->items = rule;
	if (!rule)
		return;
	rule += rules->count - 1;
	*rule = (struct routing_rule){
		.table = header->table,
		.suppressed = -1,
		.uids = { 0, UINT32_MAX },
		.action = header->action,
		.tos = header->tos,
		.is_inverted = header->flags & FIB_RULE_INVERT,
	};
	while (netlink_take(&rest, &type, &attribute))
		read_attribute(rule, header, type, attribute);
}

int
routing_rules_init(struct routing_rules *rules, int family)
{
	union netlink_message question;
	struct fib_rule_hdr *asked =
	    netlink_begin(&question, RTM_GETRULE, sizeof(*asked));
	int error;

	*rules = (struct routing_rules){ NULL, 0 };
	asked->family = (uint8_t)family;
	error = netlink_ask_all(
	    NETLINK_ROUTE, &question, RTM_NEWRULE, take_rule, rules);
	if (!error && rules->count > 0 && !rules->items)
		error = -ENOMEM;
	if (error)
		routing_rules_finish(rules);
	return error;
}

void
routing_rules_finish(struct routing_rules *rules)
{
	free(rules->items);
	*rules = (struct routing_rules){ NULL, 0 };
}

/* An unknown address may match or not. */
static enum answer
is_within(const struct prefix *prefix, const union address *address)
{
	if (prefix->base.any.sa_family == AF_UNSPEC)
		return ANSWER_YES;
	if (address->any.sa_family == AF_UNSPEC)
		return ANSWER_MAYBE;
	return prefix_contains(prefix, address) ? ANSWER_YES : ANSWER_NO;
}

static enum answer
is_port(const uint16_t range[2], uint16_t mask, uint16_t port)
{
	if (!range[1])
		return ANSWER_YES;
	if (!port)
		return ANSWER_MAYBE;
	if (mask && range[0] == range[1])
		port = ((range[0] ^ port) & mask) ? 0 : range[0];
	return range[0] <= port && port <= range[1] ? ANSWER_YES : ANSWER_NO;
}

/* For rules, packets that this host sends come in by lo. */
static enum answer
is_for(const struct routing_rule *rule, const struct routing_question *packet)
{
	const char *iif = packet->iif ? packet->iif : "lo";
	bool is_other = (*rule->iif && strcmp(rule->iif, iif) != 0) ||
	    *rule->oif || ((rule->mark ^ packet->mark) & rule->mask) != 0 ||
	    (rule->protocol && rule->protocol != IPPROTO_TCP) || rule->tos ||
	    rule->uids[0] > 0;
	const enum answer answers[] = {
		is_other ? ANSWER_NO : ANSWER_YES,
		is_within(&rule->from, &packet->from),
		is_within(&rule->to, &packet->to),
		is_port(rule->sports, rule->sport_mask,
		    packet->from.any.sa_family ? address_port(&packet->from)
					       : 0),
		is_port(
		    rule->dports, rule->dport_mask, address_port(&packet->to)),
		rule->has_unknown ? ANSWER_MAYBE : ANSWER_YES,
	};
	enum answer least = ANSWER_YES;

	for (size_t i = 0; i < COUNT(answers); i++)
		least = answers[i] < least ? answers[i] : least;
	return rule->is_inverted ? ANSWER_YES - least : least;
}

/* The most specific route of a table to the address. */
struct search {
	uint32_t table;
	const union address *to;
	int len; /* of its prefix; -1: there is none */
	struct route route;
};

/* Skips routes that are only for some sources or types of service. */
static void
take_route(const union netlink_message *answer, void *context)
{
	struct search *search = context;
	const struct rtmsg *header = NLMSG_DATA(&answer->header);
	struct prefix prefix = { .bit_count = 0 };
	struct route route;

	route_read(answer, &route);
	if (route.table != search->table || header->rtm_tos ||
	    header->rtm_src_len || header->rtm_dst_len <= search->len ||
	    (header->rtm_flags & (RTNH_F_DEAD | RTM_F_CLONED)))
		return;
	read_prefix(netlink_find(netlink_attributes(answer, sizeof(*header)),
			RTA_DST, 4),
	    header->rtm_dst_len, &prefix);
	if (header->rtm_dst_len > 0 && !prefix_contains(&prefix, search->to))
		return;
	search->len = header->rtm_dst_len;
	search->route = route;
}

/* suppress_prefixlength passes over routes, but not over errors. */
static bool
is_error(int type)
{
	return type == RTN_BLACKHOLE || type == RTN_UNREACHABLE ||
	    type == RTN_PROHIBIT;
}

/*
 * Whether the rule decides for a packet that it matches; *type and the answer
 * then say how. Returns a negative errno if the kernel does not answer.
 */
static int
decides(const struct routing_rule *rule, const union address *to,
    struct routing_answer *answer, int *type)
{
	struct search search = { .table = rule->table, .to = to, .len = -1 };
	union netlink_message question;
	struct rtmsg *asked;
	int error;

	*type = rule->action <= FR_ACT_MAX ? actions[rule->action].type
					   : RTN_UNSPEC;
	if (rule->action != FR_ACT_TO_TBL)
		return *type != RTN_UNSPEC;
	asked = netlink_begin(&question, RTM_GETROUTE, sizeof(*asked));
	asked->rtm_family = (uint8_t)to->any.sa_family;
	error = netlink_ask_all(
	    NETLINK_ROUTE, &question, RTM_NEWROUTE, take_route, &search);
	*type = search.route.type;
	answer->interface = search.route.interface;
	answer->gateway = search.route.gateway;
	return error ? error
		     : *type != RTN_THROW &&
		(search.len > rule->suppressed || is_error(*type));
}

/* Skips the rules before a goto's target; ignores a goto without target. */
static size_t
follow(const struct routing_rules *rules, size_t next)
{
	for (size_t i = next; i < rules->count; i++) {
		if (rules->items[i].preference == rules->items[next - 1].target)
			return i;
	}
	return next;
}

int
routing_rules_ask(const struct routing_rules *rules,
    const struct routing_question *question, struct routing_answer *answer)
{
	const struct routing_rule *jump = NULL, *doubt = NULL;
	int type = RTN_UNSPEC;

	*answer = (struct routing_answer){ .rule = NULL };
	for (size_t i = 0; i < rules->count && !answer->rule;) {
		const struct routing_rule *rule = &rules->items[i++];
		enum answer is_one = is_for(rule, question);
		bool is_goto = rule->action == FR_ACT_GOTO;
		struct routing_answer found = { .rule = rule };
		int end =
		    is_one ? decides(rule, &question->to, &found, &type) : 0;

		if (end < 0)
			return end;
		if (is_one == ANSWER_MAYBE && !doubt && (end || is_goto))
			doubt = rule;
		if (is_one != ANSWER_YES)
			continue;
		if (end)
			*answer = found;
		else if (is_goto)
			i = follow(rules, i);
		if (is_goto && !jump)
			jump = rule;
	}
	answer->jump = jump;
	answer->doubt = doubt;
	if (rules->count == 0)
		return -ENODATA;
	return answer->rule ? type : RTN_UNSPEC;
}

static void
add_ports(
    struct text *text, const char *name, const uint16_t ports[2], uint16_t mask)
{
	if (!ports[1])
		return;
	text_add(text, " %s %u", name, ports[0]);
	if (ports[0] != ports[1])
		text_add(text, "-%u", ports[1]);
	else if (mask && mask != UINT16_MAX)
		text_add(text, "/0x%x", mask);
}

static void
add_prefix(struct text *text, const char *name, const struct prefix *prefix)
{
	char formatted[PREFIX_STRLEN];

	if (prefix->base.any.sa_family != AF_UNSPEC)
		text_add(
		    text, " %s %s", name, prefix_format(prefix, formatted));
}

static void
add_name(struct text *text, const char *option, const char *name)
{
	if (*name)
		text_add(text, " %s %s", option, name);
}

const char *
routing_rule_format(const struct routing_rule *rule, struct text *text)
{
	text_add(text, "pref %" PRIu32 "%s", rule->preference,
	    rule->is_inverted ? " not" : "");
	add_prefix(text, "from", &rule->from);
	add_prefix(text, "to", &rule->to);
	add_name(text, "iif", rule->iif);
	add_name(text, "oif", rule->oif);
	if (rule->mask)
		text_add(text, " fwmark 0x%" PRIx32 "/0x%" PRIx32, rule->mark,
		    rule->mask);
	if (rule->tos)
		text_add(text, " tos 0x%x", rule->tos);
	if (rule->uids[0] || rule->uids[1] != UINT32_MAX)
		text_add(text, " uidrange %" PRIu32 "-%" PRIu32, rule->uids[0],
		    rule->uids[1]);
	if (rule->protocol)
		text_add(text, " ipproto %u", rule->protocol);
	add_ports(text, "sport", rule->sports, rule->sport_mask);
	add_ports(text, "dport", rule->dports, rule->dport_mask);
	if (rule->action <= FR_ACT_MAX && actions[rule->action].name)
		text_add(text, " %s", actions[rule->action].name);
	if (rule->action == FR_ACT_TO_TBL || rule->action == FR_ACT_GOTO)
		text_add(text, " %" PRIu32,
		    rule->action == FR_ACT_GOTO ? rule->target : rule->table);
	if (rule->suppressed >= 0)
		text_add(
		    text, " suppress_prefixlength %" PRId32, rule->suppressed);
	return text->chars;
}
