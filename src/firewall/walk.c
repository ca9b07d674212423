#include "firewall/walk.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "firewall/expression.h"
#include "json5/json5.h"

#define DEPTH_MAX 16 /* nested jumps; the kernel loads no more */
#define PRIORITY_TRACKING (-200)
#define PRIORITY_DESTINATION (-100)
#define PRIORITY_SOURCE 100
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum verdict { ACCEPT, DROP, RETURN, VERDICT_COUNT };

/* The way through one base chain. */
struct passage {
	struct walk *walk;
	struct scope scope;
	struct cause last[VERDICT_COUNT]; /* chain NULL: none gives it */
	struct cause doubt;               /* the first of unknown effect */
	enum truth is_rewritten;
	unsigned depth;
};

/* The part of that way through one chain: the base chain, or a jump's. */
struct stretch {
	struct passage *passage;
	const struct rule *rule;
	const struct json5 *json; /* the current statement, and its name */
	const char *name;
	enum truth is_here;    /* whether a packet gets to the rule */
	enum truth is_match;   /* whether the rule matches it there */
	bool accepts, returns; /* some packets */
};

static enum truth
lesser(enum truth a, enum truth b)
{
	return a < b ? a : b;
}

static struct cause
make_cause(const struct stretch *stretch)
{
	return (struct cause){
		.chain = stretch->rule->chain,
		.rule = stretch->rule,
		.is_sure =
		    lesser(stretch->is_here, stretch->is_match) == TRUTH_YES,
	};
}

static void
note_doubt(struct stretch *stretch)
{
	if (stretch->is_match != TRUTH_YES && !stretch->passage->doubt.chain)
		stretch->passage->doubt = make_cause(stretch);
}

/* If the rule only may match, the field may have either value. */
static void
assign(struct stretch *stretch, enum field field, struct value value)
{
	struct walk *walk = stretch->passage->walk;
	struct value *old = &walk->packet.fields[field];

	note_doubt(stretch);
	walk->changes[field] = make_cause(stretch);
	*old = walk->changes[field].is_sure ? value : value_either(*old, value);
}

/* False: the rule ends here, because a map has no value for the packet. */
static bool
assign_expression(
    struct stretch *stretch, enum field field, const struct json5 *json)
{
	struct value value =
	    expression_value(&stretch->passage->scope, json, field);

	if (value.is_absent)
		return false;
	if (!value_is_known(&value) && json5_member(json, "map"))
		stretch->is_match = TRUTH_MAYBE;
	assign(stretch, field, value);
	return true;
}

/* The packets that the rule matches leave the chain. */
static void
leave(struct stretch *stretch, bool accepts)
{
	note_doubt(stretch);
	if (stretch->is_match == TRUTH_YES)
		stretch->is_here = TRUTH_NO;
	else if (accepts)
		stretch->is_here = lesser(stretch->is_here, TRUTH_MAYBE);
}

static void
decide(struct stretch *stretch, enum verdict verdict)
{
	stretch->passage->last[verdict] = make_cause(stretch);
	stretch->accepts |= verdict == ACCEPT;
	stretch->returns |= verdict == RETURN;
	leave(stretch, verdict != DROP);
}

/* What a statement does apart from its run function. */
enum {
	UNSURE = 1,
	ACCEPTS = 2,
	DROPS = 4,
	RETURNS = 8,
	UNKNOWN = UNSURE | ACCEPTS | DROPS,
};

/* Returns whether the rule goes on. */
static bool
apply(struct stretch *stretch, unsigned effects)
{
	if (effects & UNSURE)
		stretch->is_match = TRUTH_MAYBE;
	if (effects & DROPS)
		decide(stretch, DROP);
	if (effects & ACCEPTS)
		decide(stretch, ACCEPT);
	if (effects & RETURNS)
		decide(stretch, RETURN);
	return !(effects & (DROPS | ACCEPTS | RETURNS));
}

static bool
has(const struct stretch *stretch, enum field field, uint64_t number)
{
	return packet_has(stretch->passage->scope.packet, field, number);
}

/* nft prints only the kind of the answer, which implies a match. */
static bool
run_reject(struct stretch *stretch)
{
	const char *type = ruleset_text(stretch->json, "type");

	if (!strcmp(type, "icmp"))
		return has(stretch, FIELD_NFPROTO, NFPROTO_IPV4);
	if (!strcmp(type, "icmpv6"))
		return has(stretch, FIELD_NFPROTO, NFPROTO_IPV6);
	return strcmp(type, "tcp reset") != 0 ||
	    has(stretch, FIELD_L4PROTO, IPPROTO_TCP);
}

static void run_chain(
    struct passage *passage, const struct chain *chain, struct stretch *way);

/* After a goto's chain, the packet goes on where a return would lead it. */
static bool
run_jump(struct stretch *stretch)
{
	struct passage *passage = stretch->passage;
	const struct chain *from = passage->scope.chain;
	const struct chain *chain =
	    ruleset_chain(passage->scope.ruleset, from->tool, from->family,
		from->table, ruleset_text(stretch->json, "target"));
	struct stretch way = { .passage = passage,
		.is_here = lesser(stretch->is_here, stretch->is_match) };

	if (!chain || passage->depth == DEPTH_MAX)
		return apply(stretch, UNKNOWN);
	note_doubt(stretch);
	run_chain(passage, chain, &way);
	stretch->accepts |= way.accepts;
	if (way.is_here == TRUTH_NO && !way.returns)
		leave(stretch, true);
	else if (!strcmp(stretch->name, "goto")) {
		stretch->returns = true;
		leave(stretch, true);
	} else if (way.accepts)
		stretch->is_here = lesser(stretch->is_here, TRUTH_MAYBE);
	return false;
}

static bool
run_match(struct stretch *stretch)
{
	stretch->is_match = lesser(stretch->is_match,
	    expression_matches(&stretch->passage->scope, stretch->json));
	return stretch->is_match != TRUTH_NO;
}

static bool
run_mangle(struct stretch *stretch)
{
	const struct json5 *key = json5_member(stretch->json, "key");
	const struct json5 *value = json5_member(stretch->json, "value");
	enum field field = key ? expression_field(key) : FIELD_UNKNOWN;
	bool is_tracked = !stretch->passage->scope.is_before_tracking &&
	    !has(stretch, FIELD_CT_STATE, CT_UNTRACKED);

	if (!field || !value ||
	    (field >= FIELD_CT_STATE && field != FIELD_CT_ZONE && !is_tracked))
		return true;
	return assign_expression(stretch, field, value);
}

/* A packet that is tracked already stays tracked. */
static bool
run_notrack(struct stretch *stretch)
{
	if (stretch->passage->scope.is_before_tracking)
		assign(stretch, FIELD_CT_STATE, value_of_number(CT_UNTRACKED));
	return true;
}

/* What a statement's member assigns, and who assigns it without one. */
static const struct {
	const char *names, *member;
	enum field field;
	const char *otherwise; /* then the value is unknown */
} assignments[] = {
	{ "|redirect|dnat|", "addr", FIELD_DADDR, "|redirect|" },
	{ "|redirect|dnat|", "port", FIELD_DPORT, "" },
	{ "|snat|masquerade|", "addr", FIELD_SADDR, "|masquerade|" },
	{ "|snat|masquerade|", "port", FIELD_SPORT, "|snat|masquerade|" },
	{ "|tproxy|", "port", FIELD_TPROXY_PORT, "|tproxy|" },
};

/* A rule in a table for both families may be for one family only. */
static bool
run_assignments(struct stretch *stretch)
{
	const char *family = ruleset_text(stretch->json, "family");

	if (*family &&
	    !has(stretch, FIELD_NFPROTO,
		strcmp(family, "ip") ? NFPROTO_IPV6 : NFPROTO_IPV4))
		return false;
	for (size_t i = 0; i < COUNT(assignments); i++) {
		const struct json5 *member =
		    json5_member(stretch->json, assignments[i].member);
		enum field field = assignments[i].field;

		if (!text_lists(assignments[i].names, stretch->name))
			continue;
		if (member && !assign_expression(stretch, field, member))
			return false;
		if (!member &&
		    text_lists(assignments[i].otherwise, stretch->name))
			assign(stretch, field, value_unknown);
	}
	return true;
}

static bool
run_nat(struct stretch *stretch)
{
	const struct value *fields = stretch->passage->walk->packet.fields;
	bool is_source = text_lists("|snat|masquerade|", stretch->name);
	bool is_here = !strcmp(stretch->name, "redirect");

	if (!run_assignments(stretch))
		return false;
	if (!is_source)
		assign(stretch, FIELD_DADDR_TYPE,
		    is_here ? value_of_number(RTN_LOCAL) : value_unknown);
	assign(stretch, FIELD_CT_STATUS,
	    value_combine('|', fields[FIELD_CT_STATUS],
		value_of_number(is_source ? IPS_SRC_NAT : IPS_DST_NAT)));
	stretch->passage->is_rewritten =
	    make_cause(stretch).is_sure ? TRUTH_YES : TRUTH_MAYBE;
	return true;
}

/* nft prints no details of these: a target may change any field. */
static bool
run_foreign(struct stretch *stretch)
{
	static const enum field changed[] = { FIELD_SADDR, FIELD_DADDR,
		FIELD_DPORT, FIELD_MARK, FIELD_CT_MARK, FIELD_TPROXY_PORT };

	if (!strcmp(ruleset_text(stretch->json, "name"), "comment"))
		return true;
	stretch->is_match = TRUTH_MAYBE;
	if (!strcmp(ruleset_text(stretch->json, "type"), "match"))
		return true;
	for (size_t i = 0; i < COUNT(changed); i++)
		assign(stretch, changed[i], value_unknown);
	return apply(stretch, UNKNOWN);
}

static bool
run_change(struct stretch *stretch)
{
	return apply(stretch, json5_member(stretch->json, "stmt") ? UNSURE : 0);
}

static bool run_map(struct stretch *stretch);

/* run: returns whether the effects follow. The last row is for all others. */
static const struct {
	const char *names;
	unsigned effects;
	bool (*run)(struct stretch *stretch);
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
	{ "|redirect|dnat|snat|masquerade|", ACCEPTS, run_nat },
	{ "|tproxy|", 0, run_assignments },
	{ "|xt|", 0, run_foreign },
	{ "|set|map|", 0, run_change },
	{ "|limit|quota|meter|ct count|", UNSURE, NULL },
	{ "|counter|continue|log|last|flow|dup|secmark|ct helper|ct timeout|"
	  "ct expectation|",
	    0, NULL },
	{ NULL, UNKNOWN, NULL },
};

/* Returns whether the rule goes on to its next statement. */
static bool
run_one(struct stretch *stretch, const struct json5 *json)
{
	const struct json5 *member = ruleset_only_member(json);
	size_t i = 0;

	stretch->json = member ? member : json;
	stretch->name = member ? json5_key(member) : "";
	while (statements[i].names &&
	    !text_lists(statements[i].names, stretch->name))
		i++;
	return (!statements[i].run || statements[i].run(stretch)) &&
	    apply(stretch, statements[i].effects);
}

static void
take_verdict(const struct json5 *data, enum truth truth, void *context)
{
	struct stretch *stretch = context;
	enum truth is_match = stretch->is_match;

	stretch->is_match = lesser(is_match, truth);
	run_one(stretch, data);
	stretch->is_match = is_match;
}

/* The rule ends also if the map has no verdict for the packet. */
static bool
run_map(struct stretch *stretch)
{
	if (expression_look_up(&stretch->passage->scope, stretch->json,
		take_verdict, stretch) == TRUTH_MAYBE) {
		stretch->is_match = TRUTH_MAYBE;
		note_doubt(stretch);
	}
	return false;
}

/* way: whether a packet gets there; then, how packets leave the chain. */
static void
run_chain(
    struct passage *passage, const struct chain *chain, struct stretch *way)
{
	const struct chain *from = passage->scope.chain;
	const struct json5 *json;

	passage->depth++;
	passage->scope.chain = chain;
	for (way->rule = chain->rules; way->rule && way->is_here;
	     way->rule = way->rule->next) {
		way->is_match = TRUTH_YES;
		for (size_t i = 0;
		     (json = json5_item(way->rule->statements, i)) &&
		     run_one(way, json);
		     i++)
			;
	}
	passage->scope.chain = from;
	passage->depth--;
}

/* The effective priority: the kernel rewrites at two priorities only. */
static int
hook_priority(const struct chain *chain)
{
	if (!chain->is_nat)
		return chain->priority;
	return chain->hook == HOOK_PREROUTING || chain->hook == HOOK_OUTPUT
	    ? PRIORITY_DESTINATION
	    : PRIORITY_SOURCE;
}

/* At the same priority the kernel calls the chain made later first. */
static bool
is_earlier(const struct chain *a, const struct chain *b)
{
	if (hook_priority(a) != hook_priority(b))
		return hook_priority(a) < hook_priority(b);
	if (a->priority != b->priority)
		return a->priority < b->priority;
	return a->order > b->order;
}

/* Returns the hook's chain after the previous one; NULL: the first one. */
static const struct chain *
next_chain(
    const struct ruleset *ruleset, enum hook hook, const struct chain *previous)
{
	const struct chain *chain, *next = NULL;

	for (chain = ruleset->chains; chain; chain = chain->next) {
		if (chain->hook == hook &&
		    (!previous || is_earlier(previous, chain)) &&
		    (!next || is_earlier(chain, next)))
			next = chain;
	}
	return next;
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
		truth = lesser(truth, TRUTH_YES - is_rewritten);
		if (!value_is_known(&packet->fields[FIELD_CT_STATE]))
			truth = lesser(truth, TRUTH_MAYBE);
		else if (!packet_has(packet, FIELD_CT_STATE, CT_NEW))
			truth = TRUTH_NO;
	}
	return chain->is_doubtful ? lesser(truth, TRUTH_MAYBE) : truth;
}

/* Sets the walk's fate and cause after a base chain. */
static void
conclude(
    struct passage *passage, const struct chain *chain, struct stretch *way)
{
	struct walk *walk = passage->walk;
	struct cause *last = passage->last;

	if (way->is_here || way->returns)
		last[chain->drops ? DROP : ACCEPT] =
		    (struct cause){ chain, NULL, true, way->returns };
	if (chain->is_nat && passage->is_rewritten == TRUTH_NO &&
	    !walk->passed.rule)
		walk->passed = last[ACCEPT].rule || !last[RETURN].rule
		    ? last[ACCEPT]
		    : last[RETURN];
	if (!last[DROP].chain)
		return;
	if (!last[ACCEPT].chain) {
		if (walk->fate != FATE_DROPPED)
			walk->cause = last[DROP];
		walk->fate = FATE_DROPPED;
		if (walk->drop_count < DROPS_MAX)
			walk->drops[walk->drop_count++] = last[DROP];
	} else if (walk->fate == FATE_ACCEPTED) {
		walk->fate = FATE_UNKNOWN;
		walk->cause = passage->doubt;
	}
}

static void
pass(struct walk *walk, struct ruleset *ruleset, const struct chain *chain,
    enum truth *is_rewritten)
{
	bool is_first =
	    chain->hook == HOOK_PREROUTING || chain->hook == HOOK_OUTPUT;
	struct passage passage = {
		.walk = walk,
		.scope = { ruleset, chain, &walk->packet, chain->hook,
		    chain->hook == HOOK_INGRESS ||
			(is_first &&
			    hook_priority(chain) <= PRIORITY_TRACKING) },
	};
	struct stretch way = { .passage = &passage,
		.is_here = is_for(chain, walk, *is_rewritten) };

	if (way.is_here == TRUTH_NO)
		return;
	if (way.is_here == TRUTH_MAYBE)
		passage.doubt.chain = passage.last[ACCEPT].chain = chain;
	run_chain(&passage, chain, &way);
	conclude(&passage, chain, &way);
	if (passage.is_rewritten > *is_rewritten)
		*is_rewritten = passage.is_rewritten;
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
	const struct chain *chain = NULL;
	enum truth is_rewritten = TRUTH_NO;
	bool is_tracked = hook != HOOK_PREROUTING && hook != HOOK_OUTPUT;

	do {
		chain = next_chain(ruleset, hook, chain);
		if (!is_tracked &&
		    (!chain || hook_priority(chain) > PRIORITY_TRACKING)) {
			track(&walk->packet);
			is_tracked = true;
		}
		if (chain)
			pass(walk, ruleset, chain, &is_rewritten);
	} while (chain);
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
