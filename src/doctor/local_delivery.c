#include "doctor/local_delivery.h"

#include <inttypes.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "doctor/trace.h"

/* A reply from an outside host to a user, and the rules that route it. */
struct search {
	const struct routing_rules *rules;
	struct routing_question reply; /* in by the link to that host */
};

bool
local_delivery_has(const struct doctor_context *context,
    const union address *user, const char *iif, uint32_t mark,
    const struct routing_rule **rule)
{
	int family = user->any.sa_family;
	const struct routing_question reply = { .from = trace_external(family),
		.to = *user,
		.iif = iif,
		.mark = mark };
	struct routing_answer answer;
	int type = routing_rules_ask(
	    doctor_context_routing(context, family), &reply, &answer);

	*rule = answer.rule;
	return type == RTN_LOCAL;
}

const char *
local_delivery_format_mark(const struct routing_rule *rule, struct text *text)
{
	text_add(text, "0x%" PRIx32, rule->mark);
	if (rule->mask != UINT32_MAX)
		text_add(text, "/0x%" PRIx32, rule->mask);
	return text->chars;
}

static bool
is_for_mark(const struct routing_rule *rule)
{
	return rule->mask && rule->mark && !rule->is_inverted &&
	    rule->action == FR_ACT_TO_TBL;
}

/*
 * Tries the rule's mark, with the link of the rule if it names one. The reply
 * takes on the first mark that delivers it.
 */
static void
try_mark(struct search *search, const struct routing_rule *rule,
    struct local_delivery *delivery)
{
	const struct routing_rules alone = { (struct routing_rule *)rule, 1 };
	struct routing_question marked = search->reply;
	struct routing_answer answer, other;
	bool is_here;

	marked.mark = rule->mark;
	if (*rule->iif)
		marked.iif = rule->iif;
	is_here =
	    routing_rules_ask(search->rules, &marked, &answer) == RTN_LOCAL;
	if (is_here && answer.rule == rule) {
		if (delivery->way == LOCAL_DELIVERY_NONE)
			search->reply.mark = rule->mark;
		delivery->way = LOCAL_DELIVERY_MARKED;
		text_add(
		    &delivery->marks, "%s", delivery->marks.len ? ", " : "");
		local_delivery_format_mark(rule, &delivery->marks);
	} else if (!is_here && answer.rule && answer.rule != rule &&
	    routing_rules_ask(&alone, &marked, &other) == RTN_LOCAL) {
		delivery->decisive = answer.jump ? answer.jump : answer.rule;
		delivery->wanted = rule;
	}
}

/* Takes the sender and ports of the rule. False: the rule names none. */
static bool
single_out(const struct routing_rule *rule, struct routing_question *reply)
{
	bool has_from = rule->from.base.any.sa_family != AF_UNSPEC;

	if (has_from) {
		uint16_t port = address_port(&reply->from);

		reply->from = prefix_sample(&rule->from);
		address_set_port(&reply->from, port);
	}
	if (rule->sports[1])
		address_set_port(&reply->from, rule->sports[0]);
	if (rule->dports[1])
		address_set_port(&reply->to, rule->dports[0]);
	return has_from || rule->sports[1] || rule->dports[1];
}

static const struct routing_rule *
find_exception(const struct search *search)
{
	struct routing_answer answer;

	for (size_t i = 0; i < search->rules->count; i++) {
		const struct routing_rule *rule = &search->rules->items[i];
		struct routing_question reply = search->reply;

		if (!rule->is_inverted && single_out(rule, &reply) &&
		    routing_rules_ask(search->rules, &reply, &answer) !=
			RTN_LOCAL &&
		    (answer.rule == rule || answer.jump == rule))
			return rule;
	}
	routing_rules_ask(search->rules, &search->reply, &answer);
	return answer.doubt && answer.doubt->has_unknown ? answer.doubt : NULL;
}

static void
find_one(const struct doctor_context *context, const union address *user,
    struct local_delivery *delivery)
{
	int family = user->any.sa_family;
	struct search search = { doctor_context_routing(context, family),
		{ .from = trace_external(family), .to = *user } };
	char link[IF_NAMESIZE];
	struct routing_answer answer;

	*delivery = (struct local_delivery){ .missing = *user };
	trace_find_link(context, user, &search.reply.from, link);
	search.reply.iif = link;
	if (routing_rules_ask(search.rules, &search.reply, &answer) ==
	    RTN_LOCAL)
		delivery->way = answer.rule->table == RT_TABLE_LOCAL
		    ? LOCAL_DELIVERY_LOCAL
		    : LOCAL_DELIVERY_ALL;
	for (size_t i = 0;
	     i < search.rules->count && delivery->way < LOCAL_DELIVERY_ALL;
	     i++) {
		if (is_for_mark(&search.rules->items[i]))
			try_mark(&search, &search.rules->items[i], delivery);
	}
	if (delivery->way)
		delivery->exception = find_exception(&search);
}

/*
 * A route may cover only a part of the prefix, and one of its addresses may be
 * this host's own. So two addresses are tried, and the lesser way counts.
 */
void
local_delivery_find(const struct doctor_context *context,
    const struct prefix *prefix, struct local_delivery *delivery)
{
	const union address user = prefix_sample(prefix);
	const union address other = prefix_sample_first(prefix);
	struct local_delivery second;

	find_one(context, &user, delivery);
	find_one(context, &other, &second);
	if (second.way < delivery->way)
		*delivery = second;
}
