#include "doctor/local_delivery.h"

#include <inttypes.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "doctor/external.h"

/* A user and a remote host, and the routing rules of their family. */
struct search {
	const struct routing_rules *rules;
	union address user, remote;
	char link[IF_NAMESIZE]; /* that leads to the remote host */
};

static void
find_link(struct search *search)
{
	struct routing_question question = { .from = search->user,
		.to = search->remote,
		.protocol = IPPROTO_TCP };
	struct routing_answer answer;

	*search->link = '\0';
	if (routing_rules_ask(search->rules, &question, &answer) == 0 &&
	    answer.rule)
		if_indextoname(answer.interface, search->link);
}

static bool
ask(const struct routing_rules *rules, const union address *from,
    const union address *to, const char *iif, uint32_t mark,
    struct routing_answer *answer)
{
	struct routing_question question = { .from = *from,
		.to = *to,
		.iif = iif,
		.mark = mark,
		.protocol = IPPROTO_TCP };

	return routing_rules_ask(rules, &question, answer) == 0 &&
	    answer->rule && answer->type == RTN_LOCAL;
}

bool
local_delivery_has(const struct routing_rules *rules, const union address *user,
    const union address *remote, const char *iif, uint32_t mark,
    const struct routing_rule **rule)
{
	union address from = *remote;
	struct routing_answer answer;
	bool is_here;

	if (remote->any.sa_family == AF_UNSPEC)
		external_sample(user->any.sa_family, &from);
	is_here = ask(rules, &from, user, iif, mark, &answer);
	*rule = answer.rule;
	return is_here;
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

/* Tries the rule's mark, with the link of the rule if it names one. */
static void
try_mark(const struct search *search, const struct routing_rule *rule,
    struct local_delivery *delivery)
{
	const char *iif = *rule->iif ? rule->iif : search->link;
	const struct routing_rules alone = { (struct routing_rule *)rule, 1 };
	struct routing_answer answer;

	if (ask(search->rules, &search->remote, &search->user, iif, rule->mark,
		&answer) &&
	    answer.rule == rule) {
		delivery->way = LOCAL_DELIVERY_MARKED;
		text_add(
		    &delivery->marks, "%s", delivery->marks.len ? ", " : "");
		local_delivery_format_mark(rule, &delivery->marks);
		return;
	}
	if (!answer.rule || answer.rule == rule || answer.type == RTN_LOCAL)
		return;
	delivery->decisive = answer.jump ? *answer.jump : *answer.rule;
	if (ask(&alone, &search->remote, &search->user, iif, rule->mark,
		&answer)) {
		delivery->is_late = true;
		delivery->wanted = *rule;
	}
}

static void
try_marks(const struct search *search, struct local_delivery *delivery)
{
	for (size_t i = 0; i < search->rules->count; i++) {
		if (is_for_mark(&search->rules->items[i]))
			try_mark(search, &search->rules->items[i], delivery);
	}
}

static uint32_t
delivering_mark(const struct search *search)
{
	for (size_t i = 0; i < search->rules->count; i++) {
		const struct routing_rule *rule = &search->rules->items[i];
		struct routing_answer answer;

		if (is_for_mark(rule) &&
		    ask(search->rules, &search->remote, &search->user,
			*rule->iif ? rule->iif : search->link, rule->mark,
			&answer))
			return rule->mark;
	}
	return 0;
}

/* Takes the sender and ports of the rule. False: the rule names none. */
static bool
single_out(
    const struct routing_rule *rule, union address *from, union address *to)
{
	bool has_from = rule->from.base.any.sa_family != AF_UNSPEC;

	if (has_from) {
		uint16_t port = address_port(from);

		if (rule->from.base.any.sa_family != from->any.sa_family)
			return false;
		prefix_sample(&rule->from, from);
		address_set_port(from, port);
	}
	if (rule->sports[1])
		address_set_port(from, rule->sports[0]);
	if (rule->dports[1])
		address_set_port(to, rule->dports[0]);
	return has_from || rule->sports[1] || rule->dports[1];
}

static void
find_exception(const struct search *search, struct local_delivery *delivery)
{
	uint32_t mark = delivery->way == LOCAL_DELIVERY_MARKED
	    ? delivering_mark(search)
	    : 0;
	struct routing_answer usual;

	for (size_t i = 0; i < search->rules->count; i++) {
		const struct routing_rule *rule = &search->rules->items[i];
		union address from = search->remote, to = search->user;
		struct routing_answer answer;

		if (rule->is_inverted || !single_out(rule, &from, &to) ||
		    ask(search->rules, &from, &to, search->link, mark,
			&answer) ||
		    (answer.rule != rule && answer.jump != rule))
			continue;
		delivery->has_exception = true;
		delivery->exception = *rule;
		return;
	}
	ask(search->rules, &search->remote, &search->user, search->link, mark,
	    &usual);
	delivery->has_exception = usual.doubt && usual.doubt->has_unknown;
	if (delivery->has_exception)
		delivery->exception = *usual.doubt;
}

static void
find_one(struct search *search, struct local_delivery *delivery)
{
	struct routing_answer answer;

	*delivery = (struct local_delivery){ .missing = search->user };
	external_sample(search->user.any.sa_family, &search->remote);
	find_link(search);
	if (ask(search->rules, &search->remote, &search->user, search->link, 0,
		&answer))
		delivery->way = answer.rule->table == RT_TABLE_LOCAL
		    ? LOCAL_DELIVERY_LOCAL
		    : LOCAL_DELIVERY_ALL;
	else
		try_marks(search, delivery);
	if (delivery->way)
		find_exception(search, delivery);
}

/*
 * A route may cover only a part of the prefix, and one of its addresses may be
 * this host's own. So two addresses are tried, and the lesser way counts.
 */
void
local_delivery_find(
    const struct prefix *prefix, struct local_delivery *delivery)
{
	struct routing_rules rules = { 0 };
	struct search search = { .rules = &rules };
	struct local_delivery first;

	*delivery = (struct local_delivery){ 0 };
	prefix_sample(prefix, &search.user);
	delivery->missing = search.user;
	if (routing_rules_init(&rules, prefix->base.any.sa_family))
		return;
	find_one(&search, delivery);
	prefix_sample_first(prefix, &search.user);
	find_one(&search, &first);
	if (first.way < delivery->way)
		*delivery = first;
	routing_rules_finish(&rules);
}
