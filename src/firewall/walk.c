#include "firewall/walk.h"

#include <linux/netfilter.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/expression.h"
#include "json5/json5.h"

#define DEPTH_MAX 16 /* nested jumps; the kernel loads no more */
#define PRIORITY_TRACKING (-200)
#define PRIORITY_DESTINATION (-100)
#define PRIORITY_SOURCE 100
#define STATUS_SOURCE 16 /* IPS_SRC_NAT, IPS_DST_NAT */
#define STATUS_DESTINATION 32
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* The share of a place's packets for which the base chain ends there. */
enum share { SHARE_NONE, SHARE_SOME, SHARE_ALL };

/* The way through one base chain. */
struct passage {
	struct walk *walk;
	struct scope scope;
	bool may_accept, may_drop;
	enum truth is_rewritten;
	struct cause accepted, dropped; /* the last of each kind */
	struct cause returned;          /* the last rule that ended a chain */
	struct cause doubt;             /* the first of unknown effect */
	unsigned depth;
};

/* The part of that way through one chain: the base chain, or a jump's. */
struct stretch {
	struct passage *passage;
	const struct rule *rule;
	const struct json5 *json; /* the current statement, and its name */
	const char *name;
	enum truth is_here;  /* whether a packet gets to the rule */
	enum truth is_match; /* whether the rule matches it there */
	bool ends, returns;  /* for some packets */
	bool is_over;        /* for all packets */
};

static const struct value unknown = { .state = VALUE_UNKNOWN };

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
	struct cause cause = make_cause(stretch);
	uint64_t bits;

	note_doubt(stretch);
	walk->changes[field] = cause;
	if (cause.is_sure) {
		*old = value;
	} else if (old->state == VALUE_KNOWN && value.state == VALUE_KNOWN &&
	    !field_is_address(field) && !field_is_name(field)) {
		bits = value.unknown_bits | old->unknown_bits |
		    (value_number(old) ^ value_number(&value));
		*old = value_of_number(value_number(&value) & ~bits);
		old->unknown_bits = (uint32_t)bits;
	} else {
		*old = unknown;
	}
}

/* False: the rule ends here, because a map has no value for the packet. */
static bool
assign_expression(
    struct stretch *stretch, enum field field, const struct json5 *json)
{
	struct value value =
	    expression_value(&stretch->passage->scope, json, field);

	if (value.state == VALUE_ABSENT)
		return false;
	if (value.state == VALUE_UNKNOWN && json5_member(json, "map"))
		stretch->is_match = TRUTH_MAYBE;
	assign(stretch, field, value);
	return true;
}

static enum share run_chain(
    struct passage *passage, const struct chain *chain, enum truth is_here);

static void
settle(struct stretch *stretch, enum share ended, bool returned)
{
	bool is_match = stretch->is_match == TRUTH_YES;

	note_doubt(stretch);
	stretch->ends |= ended != SHARE_NONE;
	stretch->is_over |= is_match && (ended == SHARE_ALL || returned);
	if (returned) {
		stretch->returns = true;
		stretch->is_here = lesser(stretch->is_here, TRUTH_MAYBE);
	}
}

static bool
run_accept(struct stretch *stretch)
{
	stretch->passage->may_accept = true;
	stretch->passage->accepted = make_cause(stretch);
	settle(stretch, SHARE_ALL, false);
	return false;
}

static bool
run_drop(struct stretch *stretch)
{
	stretch->passage->may_drop = true;
	stretch->passage->dropped = make_cause(stretch);
	settle(stretch, SHARE_ALL, false);
	return false;
}

/* A rule in a table for both families may be for one family only. */
static bool
is_of_family(const struct stretch *stretch)
{
	const char *family = ruleset_text(stretch->json, "family");

	return !*family ||
	    packet_has(stretch->passage->scope.packet, FIELD_NFPROTO,
		strcmp(family, "ip") ? NFPROTO_IPV6 : NFPROTO_IPV4);
}

/* nft prints only the kind of the answer, which implies a match. */
static bool
run_reject(struct stretch *stretch)
{
	static const struct {
		const char *type;
		enum field field;
		uint32_t number;
	} kinds[] = {
		{ "icmp", FIELD_NFPROTO, NFPROTO_IPV4 },
		{ "icmpv6", FIELD_NFPROTO, NFPROTO_IPV6 },
		{ "tcp reset", FIELD_L4PROTO, IPPROTO_TCP },
	};
	const char *type = ruleset_text(stretch->json, "type");

	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (!strcmp(kinds[i].type, type) &&
		    !packet_has(stretch->passage->scope.packet, kinds[i].field,
			kinds[i].number))
			return false;
	}
	return run_drop(stretch);
}

/* A queue or an unknown statement may accept or drop the packet. */
static bool
run_unknown(struct stretch *stretch)
{
	stretch->is_match = TRUTH_MAYBE;
	run_drop(stretch);
	return run_accept(stretch);
}

static bool
run_return(struct stretch *stretch)
{
	stretch->passage->returned = make_cause(stretch);
	settle(stretch, SHARE_NONE, true);
	return false;
}

/* After a goto's chain, the packet goes on where a return would lead it. */
static bool
run_jump(struct stretch *stretch)
{
	struct passage *passage = stretch->passage;
	const struct chain *from = passage->scope.chain;
	const struct chain *chain =
	    ruleset_chain(passage->scope.ruleset, from->tool, from->family,
		from->table, ruleset_text(stretch->json, "target"));
	enum share ended;

	if (!chain || passage->depth == DEPTH_MAX)
		return run_unknown(stretch);
	note_doubt(stretch);
	ended = run_chain(
	    passage, chain, lesser(stretch->is_here, stretch->is_match));
	settle(stretch, ended,
	    !strcmp(stretch->name, "goto") && ended != SHARE_ALL);
	return false;
}

static bool
run_continue(struct stretch *stretch)
{
	(void)stretch;
	return true;
}

static bool
run_unsure(struct stretch *stretch)
{
	stretch->is_match = TRUTH_MAYBE;
	return true;
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
	const struct scope *scope = &stretch->passage->scope;
	const struct json5 *key = json5_member(stretch->json, "key");
	const struct json5 *value = json5_member(stretch->json, "value");
	enum field field = key ? sight_field(key) : FIELD_UNKNOWN;
	bool is_tracked = !scope->is_before_tracking &&
	    !packet_has(scope->packet, FIELD_CT_STATE, CT_UNTRACKED);

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

static bool
run_tproxy(struct stretch *stretch)
{
	const struct json5 *port = json5_member(stretch->json, "port");

	if (!is_of_family(stretch))
		return false;
	if (port)
		return assign_expression(stretch, FIELD_TPROXY_PORT, port);
	assign(stretch, FIELD_TPROXY_PORT,
	    stretch->passage->walk->packet.fields[FIELD_DPORT]);
	return true;
}

static bool
run_nat(struct stretch *stretch)
{
	const struct json5 *address = json5_member(stretch->json, "addr");
	const struct json5 *port = json5_member(stretch->json, "port");
	bool here = !strcmp(stretch->name, "redirect");
	bool is_source = !here && strcmp(stretch->name, "dnat");
	enum field field = is_source ? FIELD_SADDR : FIELD_DADDR;
	enum field port_field = is_source ? FIELD_SPORT : FIELD_DPORT;
	struct value status =
	    stretch->passage->walk->packet.fields[FIELD_CT_STATUS];

	if (!is_of_family(stretch) ||
	    (address && !assign_expression(stretch, field, address)) ||
	    (port && !assign_expression(stretch, port_field, port)))
		return false;
	if (here || !strcmp(stretch->name, "masquerade"))
		assign(stretch, field, unknown);
	if (is_source && !port)
		assign(stretch, port_field, unknown);
	if (!is_source)
		assign(stretch, FIELD_DADDR_TYPE,
		    here ? value_of_number(RTN_LOCAL) : unknown);
	status.bytes[sizeof(status.bytes) - 1] |=
	    is_source ? STATUS_SOURCE : STATUS_DESTINATION;
	assign(stretch, FIELD_CT_STATUS, status);
	stretch->passage->is_rewritten =
	    make_cause(stretch).is_sure ? TRUTH_YES : TRUTH_MAYBE;
	return run_accept(stretch);
}

/* nft prints no details of these: a target may change any field. */
static bool
run_foreign(struct stretch *stretch)
{
	static const enum field changed[] = { FIELD_SADDR, FIELD_DADDR,
		FIELD_DPORT, FIELD_MARK, FIELD_CT_MARK, FIELD_TPROXY_PORT };

	if (!strcmp(ruleset_text(stretch->json, "name"), "comment"))
		return true;
	if (!strcmp(ruleset_text(stretch->json, "type"), "match"))
		return run_unsure(stretch);
	stretch->is_match = TRUTH_MAYBE;
	for (size_t i = 0; i < COUNT(changed); i++)
		assign(stretch, changed[i], unknown);
	return run_unknown(stretch);
}

static bool
run_change(struct stretch *stretch)
{
	return !json5_member(stretch->json, "stmt") || run_unsure(stretch);
}

static bool run_map(struct stretch *stretch);

/* Each run returns whether the rule goes on to its next statement. */
static const struct {
	const char *name;
	bool (*run)(struct stretch *stretch);
} statements[] = {
	{ "match", run_match },
	{ "counter", run_continue },
	{ "accept", run_accept },
	{ "drop", run_drop },
	{ "reject", run_reject },
	{ "jump", run_jump },
	{ "goto", run_jump },
	{ "return", run_return },
	{ "continue", run_continue },
	{ "vmap", run_map },
	{ "mangle", run_mangle },
	{ "notrack", run_notrack },
	{ "redirect", run_nat },
	{ "dnat", run_nat },
	{ "snat", run_nat },
	{ "masquerade", run_nat },
	{ "tproxy", run_tproxy },
	{ "xt", run_foreign },
	{ "set", run_change },
	{ "map", run_change },
	{ "limit", run_unsure },
	{ "quota", run_unsure },
	{ "meter", run_unsure },
	{ "ct count", run_unsure },
	{ "log", run_continue },
	{ "last", run_continue },
	{ "flow", run_continue },
	{ "dup", run_continue },
	{ "secmark", run_continue },
	{ "ct helper", run_continue },
	{ "ct timeout", run_continue },
	{ "ct expectation", run_continue },
};

static bool
run_one(struct stretch *stretch, const struct json5 *json)
{
	const char *const none[] = { NULL };
	const struct json5 *member = json5_unexpected(json, none, NULL);

	stretch->json = member ? member : json;
	stretch->name = member ? json5_key(member) : "";
	for (size_t i = 0; i < COUNT(statements); i++) {
		if (!strcmp(statements[i].name, stretch->name))
			return statements[i].run(stretch);
	}
	return run_unknown(stretch);
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

static enum share
run_chain(
    struct passage *passage, const struct chain *chain, enum truth is_here)
{
	const struct chain *from = passage->scope.chain;
	struct stretch stretch = { .passage = passage, .is_here = is_here };

	passage->depth++;
	passage->scope.chain = chain;
	for (size_t i = 0; i < chain->rule_count && !stretch.is_over; i++) {
		const struct rule *rule = &chain->rules[i];

		stretch.rule = rule;
		stretch.is_match = TRUTH_YES;
		for (size_t j = 0; j < json5_count(rule->statements); j++) {
			if (!run_one(&stretch, json5_item(rule->statements, j)))
				break;
		}
	}
	passage->scope.chain = from;
	passage->depth--;
	if (!stretch.ends)
		return SHARE_NONE;
	return stretch.is_over && !stretch.returns ? SHARE_ALL : SHARE_SOME;
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
static int
compare(const void *a, const void *b)
{
	const struct chain *const *left = a, *const *right = b;
	int first = hook_priority(*left), second = hook_priority(*right);

	if (first == second) {
		first = (*left)->priority;
		second = (*right)->priority;
	}
	if (first == second)
		return (*left)->order < (*right)->order ? 1 : -1;
	return first < second ? -1 : 1;
}

static enum truth
is_on_device(const struct chain *chain, const struct packet *packet)
{
	const struct value *name =
	    &packet
		 ->fields[chain->hook == HOOK_INGRESS ? FIELD_IIF : FIELD_OIF];
	const struct json5 *devices = chain->devices;
	const char *device = devices ? json5_string(devices, NULL) : NULL;
	struct value value;

	if (chain->hook != HOOK_INGRESS && chain->hook != HOOK_EGRESS)
		return TRUTH_YES;
	if (!devices || name->state == VALUE_UNKNOWN)
		return TRUTH_MAYBE;
	for (size_t i = 0; device || i < json5_count(devices); i++) {
		value = value_of_name(device
			? device
			: json5_string(json5_item(devices, i), NULL));
		if (!memcmp(value.bytes, name->bytes, sizeof(value.bytes)))
			return TRUTH_YES;
		if (device)
			break;
	}
	return TRUTH_NO;
}

/* Rules rewrite only the first packet of a connection, and only once. */
static enum truth
is_for(
    const struct chain *chain, const struct walk *walk, enum truth is_rewritten)
{
	const struct packet *packet = &walk->packet;
	const char *family =
	    packet_has(packet, FIELD_NFPROTO, NFPROTO_IPV4) ? "ip" : "ip6";
	enum truth truth = is_on_device(chain, packet);

	if (strcmp(chain->family, family) != 0 &&
	    strcmp(chain->family, "inet") != 0 &&
	    strcmp(chain->family, "netdev") != 0)
		return TRUTH_NO;
	if (chain->is_nat) {
		truth = lesser(truth, TRUTH_YES - is_rewritten);
		if (packet->fields[FIELD_CT_STATE].state != VALUE_KNOWN ||
		    packet->fields[FIELD_CT_STATE].unknown_bits)
			truth = lesser(truth, TRUTH_MAYBE);
		else if (!packet_has(packet, FIELD_CT_STATE, CT_NEW))
			truth = TRUTH_NO;
	}
	return chain->is_doubtful ? lesser(truth, TRUTH_MAYBE) : truth;
}

/* Sets the walk's fate and cause after a base chain. */
static void
conclude(struct passage *passage, const struct chain *chain, enum share ended)
{
	struct walk *walk = passage->walk;
	struct cause policy = { chain, NULL, true };

	if (ended != SHARE_ALL && chain->drops) {
		passage->may_drop = true;
		passage->dropped = policy;
	} else if (ended != SHARE_ALL) {
		passage->may_accept = true;
		passage->accepted = policy;
	}
	if (chain->is_nat && passage->is_rewritten == TRUTH_NO &&
	    !walk->passed.rule)
		walk->passed = passage->accepted.rule || !passage->returned.rule
		    ? passage->accepted
		    : passage->returned;
	if (!passage->may_drop)
		return;
	if (!passage->may_accept) {
		walk->fate = FATE_DROPPED;
		walk->cause = passage->dropped;
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
	enum truth is_here = is_for(chain, walk, *is_rewritten);

	if (is_here == TRUTH_NO)
		return;
	if (is_here == TRUTH_MAYBE) {
		passage.doubt.chain = chain;
		passage.may_accept = true;
	}
	conclude(&passage, chain, run_chain(&passage, chain, is_here));
	if (passage.is_rewritten > *is_rewritten)
		*is_rewritten = passage.is_rewritten;
}

static void
pass_hook(struct walk *walk, struct ruleset *ruleset, enum hook hook)
{
	const struct chain **chains =
	    calloc(ruleset->chain_count + 1, sizeof(struct chain *));
	enum truth is_rewritten = TRUTH_NO;
	size_t count = 0;

	if (!chains) {
		walk->fate = FATE_UNKNOWN;
		return;
	}
	for (size_t i = 0; i < ruleset->chain_count; i++) {
		if (ruleset->chains[i]->hook == hook)
			chains[count++] = ruleset->chains[i];
	}
	qsort(chains, count, sizeof(struct chain *), compare);
	for (size_t i = 0; i < count && walk->fate != FATE_DROPPED; i++)
		pass(walk, ruleset, chains[i], &is_rewritten);
	free(chains);
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
	if (walk->fate != FATE_DROPPED)
		pass_hook(walk, ruleset, hook);
	if (hook == HOOK_POSTROUTING && walk->fate != FATE_DROPPED)
		pass_hook(walk, ruleset, HOOK_EGRESS);
}
