#include "firewall/walk.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "firewall/expression.h"
#include "json5/json5.h"

#define DEPTH_MAX 16 /* nested jumps; the kernel loads no more */
enum verdict { DROP, ACCEPT, RETURN, VERDICT_COUNT };

/* The effects of a statement, apart from those of its run function. */
enum {
	DROPS = 1 << DROP,
	ACCEPTS = 1 << ACCEPT,
	RETURNS = 1 << RETURN,
	UNSURE = 1 << VERDICT_COUNT,
	UNKNOWN = UNSURE | ACCEPTS | DROPS,
};

/* The way through one base chain. */
struct passage {
	struct walk *walk;
	struct scope scope;
	struct cause last[VERDICT_COUNT]; /* chain NULL: none gives it */
	struct cause doubt;               /* the first of unknown effect */
	enum truth is_rewritten;
	unsigned depth;
	/* The part through the current chain: the base chain, or a jump's. */
	struct stretch {
		const struct rule *rule;
		const struct json5 *json; /* the statement, and its name */
		const char *name;
		enum truth is_here;    /* whether a packet gets to the rule */
		enum truth is_match;   /* whether the rule matches it there */
		bool accepts, returns; /* some packets */
	} at;
};

/* Of an effect of the current rule. */
static struct cause
make_cause(struct passage *way)
{
	struct cause cause = { .chain = way->at.rule->chain,
		.rule = way->at.rule,
		.is_sure = truth_both(way->at.is_here, way->at.is_match) ==
		    TRUTH_YES };

	if (way->at.is_match != TRUTH_YES && !way->doubt.chain)
		way->doubt = cause;
	return cause;
}

/* If the rule only may match, the field may have either value. */
static void
assign(struct passage *way, enum field field, struct value value)
{
	struct value *old = &way->walk->packet.fields[field];
	struct cause cause = make_cause(way);

	way->walk->changes[field] = cause;
	*old = cause.is_sure ? value : value_either(*old, value);
}

/* False: the rule ends here, because a map has no value for the packet. */
static bool
assign_expression(
    struct passage *way, enum field field, const struct json5 *json)
{
	struct value value = expression_value(&way->scope, json);

	if (value.is_absent)
		return false;
	if (!value_is_known(&value) && json5_member(json, "map"))
		way->at.is_match = TRUTH_MAYBE;
	assign(way, field, value);
	return true;
}

/* Packets that the rule matches leave the chain; those dropped do not count. */
static void
leave(struct passage *way, bool drops)
{
	if (way->at.is_match == TRUTH_YES)
		way->at.is_here = TRUTH_NO;
	else if (!drops)
		way->at.is_here = truth_both(way->at.is_here, TRUTH_MAYBE);
}

/* Returns whether the rule goes on. */
static bool
apply(struct passage *way, unsigned effects)
{
	if (effects & UNSURE)
		way->at.is_match = TRUTH_MAYBE;
	for (enum verdict i = DROP; i < VERDICT_COUNT; i++) {
		if (!(effects & 1U << i))
			continue;
		way->last[i] = make_cause(way);
		way->at.accepts |= i == ACCEPT;
		way->at.returns |= i == RETURN;
		leave(way, i == DROP);
	}
	return !(effects & ~(unsigned)UNSURE);
}

static bool
has(const struct passage *way, enum field field, uint64_t number)
{
	return packet_has(way->scope.packet, field, number);
}

/* nft prints only the kind of the answer, which implies a match. */
static bool
run_reject(struct passage *way)
{
	const char *type = ruleset_text(way->at.json, "type");

	if (!strcmp(type, "icmp"))
		return has(way, FIELD_NFPROTO, NFPROTO_IPV4);
	if (!strcmp(type, "icmpv6"))
		return has(way, FIELD_NFPROTO, NFPROTO_IPV6);
	return strcmp(type, "tcp reset") != 0 ||
	    has(way, FIELD_L4PROTO, IPPROTO_TCP);
}

static void run_chain(struct passage *way, const struct chain *chain);

/* After a goto's chain, the packet goes on where a return would lead it. */
static bool
run_jump(struct passage *way)
{
	const struct chain *from = way->scope.chain;
	const struct chain *chain =
	    ruleset_chain(way->scope.ruleset, from->tool, from->family,
		from->table, ruleset_text(way->at.json, "target"));
	struct stretch outer = way->at, inner;
	bool is_goto = !strcmp(outer.name, "goto"), comes_back;

	if (!chain || way->depth == DEPTH_MAX)
		return apply(way, UNKNOWN);
	make_cause(way);
	way->at.is_here = truth_both(outer.is_here, outer.is_match);
	way->at.accepts = way->at.returns = false;
	run_chain(way, chain);
	inner = way->at;
	way->at = outer;
	comes_back = inner.is_here || inner.returns;
	way->at.accepts |= inner.accepts;
	way->at.returns |= comes_back && is_goto;
	if (!comes_back || is_goto)
		leave(way, false);
	else if (inner.accepts)
		way->at.is_here = truth_both(outer.is_here, TRUTH_MAYBE);
	return false;
}

static bool
run_match(struct passage *way)
{
	way->at.is_match = truth_both(
	    way->at.is_match, expression_matches(&way->scope, way->at.json));
	return way->at.is_match != TRUTH_NO;
}

static bool
run_mangle(struct passage *way)
{
	const struct json5 *key = json5_member(way->at.json, "key");
	const struct json5 *value = json5_member(way->at.json, "value");
	enum field field = key ? expression_field(key) : FIELD_UNKNOWN;
	bool is_tracked = !way->scope.is_before_tracking &&
	    !has(way, FIELD_CT_STATE, CT_UNTRACKED);

	if (!field || !value ||
	    (field >= FIELD_CT_STATE && field != FIELD_CT_ZONE && !is_tracked))
		return true;
	return assign_expression(way, field, value);
}

/* What else than a member's value a statement assigns. */
enum { NOTHING = -1, ANYTHING = -2 };

/* The field that a member of a statement assigns. */
static const struct {
	const char *names, *member;
	enum field field;
	int otherwise; /* the value without the member */
} assignments[] = {
	{ "|notrack|", "", FIELD_CT_STATE, CT_UNTRACKED },
	{ "|redirect|netmap|", "addr", FIELD_DADDR, ANYTHING },
	{ "|redirect|", "", FIELD_DADDR_TYPE, RTN_LOCAL },
	{ "|dnat|", "addr", FIELD_DADDR, NOTHING },
	{ "|dnat|netmap|", "", FIELD_DADDR_TYPE, ANYTHING },
	{ "|redirect|dnat|", "port", FIELD_DPORT, NOTHING },
	{ "|redirect|dnat|", "", FIELD_CT_STATUS, IPS_DST_NAT },
	{ "|snat|", "addr", FIELD_SADDR, NOTHING },
	{ "|masquerade|netmap|", "addr", FIELD_SADDR, ANYTHING },
	{ "|snat|masquerade|", "port", FIELD_SPORT, ANYTHING },
	{ "|snat|masquerade|netmap|", "", FIELD_CT_STATUS, IPS_SRC_NAT },
	{ "|tproxy|", "port", FIELD_TPROXY_PORT, ANYTHING },
};

/* A rule in a table for both families may be for one family only. */
static bool
run_assignments(struct passage *way)
{
	const char *family = ruleset_text(way->at.json, "family");
	const struct value *fields = way->walk->packet.fields;

	if (*family &&
	    !has(way, FIELD_NFPROTO,
		strcmp(family, "ip") ? NFPROTO_IPV6 : NFPROTO_IPV4))
		return false;
	for (size_t i = 0; i < COUNT(assignments); i++) {
		const struct json5 *member =
		    json5_member(way->at.json, assignments[i].member);
		enum field field = assignments[i].field;
		int number = assignments[i].otherwise;
		struct value value = number < 0
		    ? value_unknown
		    : value_of_number((uint64_t)number);

		if (!text_lists(assignments[i].names, way->at.name))
			continue;
		if (member && !assign_expression(way, field, member))
			return false;
		if (field == FIELD_CT_STATUS)
			value = value_combine('|', fields[field], value);
		if (!member && number != NOTHING)
			assign(way, field, value);
	}
	return true;
}

/* A packet that is tracked already stays tracked. */
static bool
run_notrack(struct passage *way)
{
	return !way->scope.is_before_tracking || run_assignments(way);
}

static bool
run_nat(struct passage *way)
{
	if (!run_assignments(way))
		return false;
	way->is_rewritten = make_cause(way).is_sure ? TRUTH_YES : TRUTH_MAYBE;
	return true;
}

/* nft prints no details of what xtables does: it may change any field. */
static bool
run_unknown(struct passage *way)
{
	static const enum field changed[] = { FIELD_SADDR, FIELD_DADDR,
		FIELD_DPORT, FIELD_MARK, FIELD_CT_MARK, FIELD_TPROXY_PORT };

	way->at.is_match = TRUTH_MAYBE;
	if (!strcmp(ruleset_text(way->at.json, "type"), "match"))
		return true;
	for (size_t i = 0; i < COUNT(changed); i++)
		assign(way, changed[i], value_unknown);
	return apply(way, UNKNOWN);
}

static bool
run_change(struct passage *way)
{
	return apply(way, json5_member(way->at.json, "stmt") ? UNSURE : 0);
}

static bool run_map(struct passage *way);

/* run: returns whether the effects follow. The last row is for all others. */
static const struct {
	const char *names;
	unsigned effects;
	bool (*run)(struct passage *way);
} statements[] = {
	{ "|match|", 0, run_match },
	{ "|accept|", ACCEPTS, NULL },
	{ "|drop|", DROPS, NULL },
	{ "|reject|", DROPS, run_reject },
	{ "|return|", RETURNS, NULL },
	{ "|jump|goto|", 0, run_jump },
	{ "|vmap|", 0, run_map },
	{ "|mangle|", 0, run_mangle },
	{ "|notrack|", 0, run_notrack },
	{ "|redirect|dnat|snat|masquerade|netmap|", ACCEPTS, run_nat },
	{ "|tproxy|", 0, run_assignments },
	{ "|set|map|", 0, run_change },
	{ "|limit|quota|meter|ct count|", UNSURE, NULL },
	{ "|counter|continue|log|last|flow|dup|secmark|ct helper|ct timeout|"
	  "ct expectation|",
	    0, NULL },
	{ NULL, 0, run_unknown },
};

/* Returns whether the rule goes on to its next statement. */
static bool
run_one(struct passage *way, const struct json5 *json)
{
	const struct json5 *member = ruleset_only_member(json);
	size_t i = 0;

	way->at.json = member ? member : json;
	way->at.name = member ? json5_key(member) : "";
	while (statements[i].names &&
	    !text_lists(statements[i].names, way->at.name))
		i++;
	return (!statements[i].run || statements[i].run(way)) &&
	    apply(way, statements[i].effects);
}

static void
take_verdict(const struct json5 *data, enum truth truth, void *context)
{
	struct passage *way = context;
	enum truth is_match = way->at.is_match;

	way->at.is_match = truth_both(is_match, truth);
	run_one(way, data);
	way->at.is_match = is_match;
}

/* The rule ends also if the map has no verdict for the packet. */
static bool
run_map(struct passage *way)
{
	if (expression_look_up(&way->scope, way->at.json, take_verdict, way) ==
	    TRUTH_MAYBE) {
		way->at.is_match = TRUTH_MAYBE;
		make_cause(way);
	}
	return false;
}

static void
run_chain(struct passage *way, const struct chain *chain)
{
	const struct chain *from = way->scope.chain;
	const struct rule *rule = chain->rules;
	const struct json5 *json;

	way->depth++;
	way->scope.chain = chain;
	for (; rule && way->at.is_here; rule = rule->next) {
		way->at.rule = rule;
		way->at.is_match = TRUTH_YES;
		for (size_t i = 0; (json = json5_item(rule->statements, i)) &&
		     run_one(way, json);
		     i++)
			;
	}
	way->scope.chain = from;
	way->depth--;
}

static enum truth
is_on_device(const struct chain *chain, const struct packet *packet)
{
	bool is_ingress = chain->hook == HOOK_INGRESS;
	const struct value *name =
	    &packet->fields[is_ingress ? FIELD_IIF : FIELD_OIF];
	const struct json5 *device;

	if (!is_ingress && chain->hook != HOOK_EGRESS)
		return TRUTH_YES;
	if (!chain->devices || !value_is_known(name))
		return TRUTH_MAYBE;
	for (size_t i = 0; (device = ruleset_item(chain->devices, i)); i++) {
		struct value value = value_of_name(ruleset_string(device));

		if (!memcmp(value.bits, name->bits, sizeof(value.bits)))
			return TRUTH_YES;
	}
	return TRUTH_NO;
}

/* Rules rewrite only the first packet of a connection, and only once. */
static enum truth
is_for(
    const struct chain *chain, const struct walk *walk, enum truth is_rewritten)
{
	const struct packet *packet = &walk->packet;
	bool is_ipv4 = packet_has(packet, FIELD_NFPROTO, NFPROTO_IPV4);
	enum truth truth = is_on_device(chain, packet);

	if (!text_lists(is_ipv4 ? "|ip|inet|netdev|" : "|ip6|inet|netdev|",
		chain->family))
		return TRUTH_NO;
	if (chain->is_nat) {
		truth = truth_both(truth, TRUTH_YES - is_rewritten);
		if (!value_is_known(&packet->fields[FIELD_CT_STATE]))
			truth = truth_both(truth, TRUTH_MAYBE);
		else if (!packet_has(packet, FIELD_CT_STATE, CT_NEW))
			truth = TRUTH_NO;
	}
	return chain->is_doubtful ? truth_both(truth, TRUTH_MAYBE) : truth;
}

/*
 * A packet of a connection that was let in may have marked it, although it was
 * dropped itself: the next one then meets other rules.
 */
static bool
may_pass_later(const struct walk *walk)
{
	return walk->changes[FIELD_CT_MARK].chain &&
	    packet_has(&walk->packet, FIELD_CT_STATE, CT_ESTABLISHED);
}

/* Sets the walk's fate and cause after a base chain. */
static void
conclude(struct passage *way, const struct chain *chain)
{
	struct walk *walk = way->walk;
	struct cause *last = way->last;

	if (way->at.is_here || way->at.returns)
		last[chain->drops ? DROP : ACCEPT] =
		    (struct cause){ chain, NULL, true, way->at.returns };
	if (chain->is_nat && way->is_rewritten == TRUTH_NO &&
	    !walk->passed.rule)
		walk->passed = last[ACCEPT].rule || !last[RETURN].rule
		    ? last[ACCEPT]
		    : last[RETURN];
	if (!last[DROP].chain)
		return;
	if (!last[ACCEPT].chain && may_pass_later(walk)) {
		way->doubt = walk->changes[FIELD_CT_MARK];
		last[ACCEPT] = way->doubt;
	}
	if (!last[ACCEPT].chain) {
		if (walk->fate != FATE_DROPPED)
			walk->cause = last[DROP];
		walk->fate = FATE_DROPPED;
		if (walk->drop_count < DROPS_MAX)
			walk->drops[walk->drop_count++] = last[DROP];
	} else if (walk->fate == FATE_ACCEPTED) {
		walk->fate = FATE_UNKNOWN;
		walk->cause = way->doubt;
	}
}

static void
pass(struct walk *walk, struct ruleset *ruleset, const struct chain *chain,
    enum truth *is_rewritten)
{
	struct passage way = {
		.walk = walk,
		.scope = { ruleset, chain, &walk->packet, chain->hook,
		    chain_precedes_tracking(chain) },
		.at.is_here = is_for(chain, walk, *is_rewritten),
	};

	if (way.at.is_here == TRUTH_NO)
		return;
	if (way.at.is_here == TRUTH_MAYBE)
		way.doubt.chain = way.last[ACCEPT].chain = chain;
	run_chain(&way, chain);
	conclude(&way, chain);
	if (way.is_rewritten > *is_rewritten)
		*is_rewritten = way.is_rewritten;
}

/* Conntrack knows the packet only in the zone of the first packet. */
static void
track(struct packet *packet)
{
	const struct value *first = &packet->fields[FIELD_CT_FIRST_ZONE];
	const struct value *zone = &packet->fields[FIELD_CT_ZONE];

	if (first->is_absent ||
	    packet_has(packet, FIELD_CT_STATE, CT_UNTRACKED))
		return;
	if (!value_is_known(first) || !value_is_known(zone))
		packet->fields[FIELD_CT_STATE] = value_unknown;
	else if (first->bits[1] != zone->bits[1])
		packet_lose_track(packet);
}

static void
pass_hook(struct walk *walk, struct ruleset *ruleset, enum hook hook)
{
	const struct chain *chain = ruleset->chains;
	enum truth is_rewritten = TRUTH_NO;
	bool is_tracked = hook != HOOK_PREROUTING && hook != HOOK_OUTPUT;

	for (; chain || !is_tracked; chain = chain ? chain->next : NULL) {
		if (chain && chain->hook != hook)
			continue;
		if (!is_tracked &&
		    (!chain || !chain_precedes_tracking(chain))) {
			track(&walk->packet);
			is_tracked = true;
		}
		if (chain)
			pass(walk, ruleset, chain, &is_rewritten);
	}
}

void
walk_init(struct walk *walk, const struct packet *packet)
{
	memset(walk, 0, sizeof(*walk));
	walk->packet = *packet;
}

void
walk_through(struct walk *walk, struct ruleset *ruleset, enum hook hook)
{
	if (ruleset->blind) {
		walk->fate = FATE_UNKNOWN;
		return;
	}
	if (hook == HOOK_PREROUTING)
		pass_hook(walk, ruleset, HOOK_INGRESS);
	pass_hook(walk, ruleset, hook);
	if (hook == HOOK_POSTROUTING)
		pass_hook(walk, ruleset, HOOK_EGRESS);
}
