#include "firewall/expression.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "json5/json5.h"

#define OPERANDS_MAX 5
/* A packet has the header if the field has the number. */
static const struct {
	const char *name;
	enum field field;
	uint32_t number;
} headers[] = {
	{ "ip", FIELD_NFPROTO, NFPROTO_IPV4 },
	{ "ip6", FIELD_NFPROTO, NFPROTO_IPV6 },
	{ "tcp", FIELD_L4PROTO, IPPROTO_TCP },
	{ "udp", FIELD_L4PROTO, IPPROTO_UDP },
};

/* No packet that we ask about has these headers. */
static const char missing[] =
    "|arp|icmp|icmpv6|igmp|sctp|dccp|udplite|esp|ah|comp|";

/* The expressions that read a field: their name, and the words in it. */
/* NOLINTBEGIN(bugprone-suspicious-missing-comma) */
static const char *const expressions[FIELD_COUNT] = {
	[FIELD_SADDR] = "|payload saddr|",
	[FIELD_DADDR] = "|payload daddr|",
	[FIELD_SPORT] = "|payload sport|",
	[FIELD_DPORT] = "|payload dport|",
	[FIELD_L4PROTO] = "|meta l4proto|payload protocol|payload nexthdr|",
	[FIELD_NFPROTO] = "|meta nfproto|",
	[FIELD_ETHERTYPE] = "|meta protocol|",
	[FIELD_TCP_FLAGS] = "|payload flags|",
	[FIELD_IIF] = "|meta iif|meta iifname|",
	[FIELD_OIF] = "|meta oif|meta oifname|",
	[FIELD_PKTTYPE] = "|meta pkttype|",
	[FIELD_MARK] = "|meta mark|",
	[FIELD_UID] = "|meta skuid|",
	[FIELD_GID] = "|meta skgid|",
	[FIELD_SADDR_TYPE] = "|fib type saddr|",
	[FIELD_DADDR_TYPE] = "|fib type daddr|",
	[FIELD_REVERSE_PATH] = "|fib oif saddr iif|fib oif saddr mark iif|"
			       "fib check saddr iif|fib check saddr mark iif|",
	[FIELD_TRANSPARENT] = "|socket transparent|",
	[FIELD_WILDCARD] = "|socket wildcard|",
	[FIELD_CT_STATE] = "|ct state|",
	[FIELD_CT_MARK] = "|ct mark|",
	[FIELD_CT_STATUS] = "|ct status|",
	[FIELD_CT_DIRECTION] = "|ct direction|",
	[FIELD_CT_ZONE] = "|ct zone|ct original zone|",
	[FIELD_CT_SADDR] = "|ct original saddr|ct original ip saddr|"
			   "ct original ip6 saddr|",
	[FIELD_CT_DADDR] = "|ct original daddr|ct original ip daddr|"
			   "ct original ip6 daddr|",
	[FIELD_CT_SPORT] = "|ct original proto-src|",
	[FIELD_CT_DPORT] = "|ct original proto-dst|",
	[FIELD_XT_STATE] = "|ct xt state|",
};
/* NOLINTEND(bugprone-suspicious-missing-comma) */

static const struct {
	const char *name;
	enum { EQUALS, HAS_ANY, IS_UP_TO, IS_FROM } compare;
	bool is_contrary;
} operators[] = {
	{ "==", EQUALS, false },
	{ "!=", EQUALS, true },
	{ "in", HAS_ANY, false }, /* of these bits */
	{ "!", HAS_ANY, true },
	{ "<=", IS_UP_TO, false },
	{ ">", IS_UP_TO, true },
	{ ">=", IS_FROM, false },
	{ "<", IS_FROM, true },
};

/* The operands of a match or a lookup: one value, or several in a row. */
struct operands {
	size_t count;
	struct value values[OPERANDS_MAX];
};

enum field
expression_field(const struct json5 *json)
{
	static const char *const keys[] = { "dir", "result", "key", "field",
		"flags" };
	const struct json5 *object = ruleset_only_member(json), *item;
	struct text text = { 0 };

	if (object)
		text_set(&text, "%s", json5_key(object));
	for (size_t i = 0; object && i < COUNT(keys); i++) {
		const struct json5 *words = json5_member(object, keys[i]);

		for (size_t j = 0; (item = ruleset_item(words, j)); j++)
			text_add(&text, " %s", ruleset_string(item));
	}
	for (enum field i = 1; i < FIELD_COUNT; i++) {
		if (expressions[i] && text_lists(expressions[i], text.chars))
			return i;
	}
	return FIELD_UNKNOWN;
}

/* Before tracking, only a zone makes conntrack see a packet, as a new one. */
static struct value
see_untracked(const struct packet *packet, enum field field)
{
	const struct value *zone = &packet->fields[FIELD_CT_ZONE];
	bool has_zone = !packet_has(packet, FIELD_CT_ZONE, 0);

	if (field == FIELD_CT_STATE && value_is_known(zone))
		return value_of_number(has_zone ? CT_NEW : CT_INVALID);
	if (field == FIELD_CT_ZONE && has_zone)
		return *zone;
	return has_zone ? value_unknown : value_absent;
}

/* Returns the value of a field at the packet's place on its way. */
static struct value
see(const struct scope *scope, enum field field)
{
	const struct packet *packet = scope->packet;
	bool is_untracked = packet_has(packet, FIELD_CT_STATE, CT_UNTRACKED);

	if (field == FIELD_XT_STATE) {
		struct value status =
		    value_combine('&', see(scope, FIELD_CT_STATUS),
			value_of_number(IPS_SRC_NAT | IPS_DST_NAT));

		status.is_absent = false;
		return value_combine('|', see(scope, FIELD_CT_STATE), status);
	}
	if (field >= FIELD_CT_STATE && scope->is_before_tracking &&
	    !is_untracked)
		return see_untracked(packet, field);
	if (field > FIELD_CT_STATE &&
	    (is_untracked || packet_has(packet, FIELD_CT_STATE, CT_INVALID)))
		return value_absent;
	if ((field == FIELD_IIF && scope->hook == HOOK_OUTPUT) ||
	    (field == FIELD_OIF && scope->hook <= HOOK_INPUT))
		return value_of_name("");
	return packet->fields[field];
}

/* A field of a header that the packet lacks is absent; it has no extension. */
static struct value
read_field(const struct scope *scope, const struct json5 *json)
{
	const struct json5 *payload = json5_member(json, "payload");
	const char *name = payload ? ruleset_text(payload, "protocol") : "th";
	const struct json5 *extension = json5_member(json, "exthdr");
	size_t i = 0;

	if (extension)
		return json5_member(extension, "field") ? value_absent
							: value_of_number(0);
	while (i < COUNT(headers) && strcmp(headers[i].name, name) != 0)
		i++;
	if (i == COUNT(headers) ? text_lists(missing, name)
				: !packet_has(scope->packet, headers[i].field,
				      headers[i].number))
		return value_absent;
	return i < COUNT(headers) || !strcmp(name, "th")
	    ? see(scope, expression_field(json))
	    : value_unknown;
}

/* Reads a number, a sum of flags, a text, a range or a prefix. */
static bool
read_range(const struct json5 *json, struct range *range)
{
	const struct json5 *object = ruleset_only_member(json), *item;
	const char *key = object ? json5_key(object) : "";
	int64_t number = 0;
	struct range part;
	struct text text;
	bool truth;

	*range = (struct range){ .kind = KIND_NUMBER };
	if (json5_type(json) == JSON5_STRING) {
		range_parse(ruleset_string(json), range);
	} else if (!strcmp(key, "prefix")) {
		range_parse(
		    text_set(&text, "%s/%d", ruleset_text(object, "addr"),
			(int)ruleset_number(object, "len")),
		    range);
	} else if (!strcmp(key, "range")) {
		if (json5_count(object) != 2 ||
		    !read_range(json5_item(object, 0), range) ||
		    !read_range(json5_item(object, 1), &part))
			return false;
		memcpy(range->to, part.to, sizeof(range->to));
	} else if (json5_type(json) == JSON5_ARRAY || !strcmp(key, "|")) {
		object = object ? object : json;
		for (size_t i = 0; (item = json5_item(object, i)); i++) {
			if (!read_range(item, &part) || part.kind)
				return false;
			range->from[1] |= part.from[1];
		}
		range->to[1] = range->from[1];
	} else {
		if (json5_boolean(json, &truth))
			number = truth;
		else if (!json5_integer(json, &number))
			return false;
		range->from[1] = range->to[1] = (uint64_t)number;
	}
	return true;
}

/* The value of a map that was found so far. */
struct map_value {
	const struct scope *scope;
	struct value value;
};

static void
take_value(const struct json5 *data, enum truth truth, void *context)
{
	struct map_value *found = context;

	found->value = !found->value.is_absent || truth != TRUTH_YES
	    ? value_unknown
	    : expression_value(found->scope, data);
}

struct value
expression_value(const struct scope *scope, const struct json5 *json)
{
	const struct json5 *object = ruleset_only_member(json), *first, *second;
	struct map_value found = { scope, value_absent };
	struct range range;

	if (read_range(json, &range))
		return value_of_range(&range);
	if (!object)
		return value_unknown;
	first = json5_item(object, 0);
	second = json5_item(object, 1);
	if (first && second)
		return value_combine(
		    json5_count(object) == 2 ? *json5_key(object) : '\0',
		    expression_value(scope, first),
		    expression_value(scope, second));
	if (strcmp(json5_key(object), "map") != 0)
		return read_field(scope, json);
	expression_look_up(scope, object, take_value, &found);
	return found.value;
}

/* False if one of them is absent. */
static bool
find_operands(const struct scope *scope, const struct json5 *json,
    struct operands *operands)
{
	const struct json5 *parts = json5_member(json, "concat"), *part;
	size_t i = 0;

	for (;
	     i < OPERANDS_MAX && (part = ruleset_item(parts ? parts : json, i));
	     i++) {
		operands->values[i] = expression_value(scope, part);
		if (operands->values[i].is_absent)
			return false;
	}
	operands->count = i;
	return true;
}

/* False: not understood. Other members are only comments and times. */
static bool
read_element(const struct json5 *json, size_t width, struct element *elements)
{
	const struct json5 *wrapped = json5_member(json, "elem"), *parts, *part;
	bool is_any, is_read = true;

	if (wrapped && json5_member(wrapped, "val"))
		json = json5_member(wrapped, "val");
	is_any = !strcmp(ruleset_string(json), "*");
	parts = json5_member(json, "concat");
	for (size_t i = 0; i < width; i++) {
		part = parts ? json5_item(parts, i) : i > 0 ? NULL : json;
		if (!is_any && part && read_range(part, &elements[i].range))
			continue;
		elements[i].range = range_any;
		is_read &= is_any;
	}
	return is_read;
}

static enum truth
are_within(const struct operands *operands, const struct element *elements)
{
	enum truth truth = TRUTH_YES;

	for (size_t i = 0; i < operands->count && truth; i++)
		truth = truth_both(truth,
		    range_holds(&elements[i].range, &operands->values[i]));
	return truth;
}

/* Each item of an array: an element of a set, or a pair of a map. */
static void
read_set(struct set *set, size_t width)
{
	size_t count = set->elements ? json5_count(set->elements) : 0;
	struct element *item;

	set->width = width;
	set->items = calloc(count * width + 1, sizeof(*set->items));
	set->is_sorted = set->items && set->name && width == 1;
	for (; set->items && set->count < count; set->count++) {
		const struct json5 *json =
		    json5_item(set->elements, set->count);
		bool is_pair = json5_type(json) == JSON5_ARRAY;
		const struct json5 *key = is_pair ? json5_item(json, 0) : json;

		item = &set->items[set->count * width];
		item->data = is_pair ? json5_item(json, 1) : NULL;
		set->is_uncertain |= !key || !read_element(key, width, item);
		set->is_sorted &= item->range.kind == set->items->range.kind &&
		    item->range.kind != KIND_ANY;
	}
	if (set->is_sorted)
		qsort(set->items, count, sizeof(*set->items), range_compare);
}

/* A set that changes with time may have any other elements, too. */
static enum truth
search(const struct set *set, const struct operands *operands,
    expression_visit *visit, void *context)
{
	const struct value *value = operands->values;
	const struct range wanted = { { value->bits[0], value->bits[1] },
		{ value->bits[0], value->bits[1] }, value->kind };
	const struct element *item = set->items;
	size_t count = set->count;
	enum truth best = TRUTH_NO;

	if (!item || set->width != operands->count)
		return TRUTH_MAYBE;
	if (set->is_sorted && value_is_known(value) &&
	    value->kind == item->range.kind) {
		item =
		    bsearch(&wanted, item, count, sizeof(*item), range_compare);
		count = item ? 1 : 0;
	}
	for (; count-- > 0 && best != TRUTH_YES; item += set->width) {
		enum truth truth = truth_both(are_within(operands, item),
		    set->is_uncertain ? TRUTH_MAYBE : TRUTH_YES);

		if (truth && visit && item->data)
			visit(item->data, truth, context);
		best = truth > best ? truth : best;
	}
	return set->is_uncertain ? TRUTH_MAYBE : best;
}

/* list: "@name", {set: [...]}, or a single value. */
static enum truth
look_up(const struct scope *scope, const struct json5 *list,
    const struct operands *operands, expression_visit *visit, void *context)
{
	const char *name = ruleset_string(list);
	struct set anonymous = { .elements = json5_member(list, "set") };
	struct set *set = &anonymous;
	struct element single[OPERANDS_MAX];
	enum truth truth;

	if (*name == '@')
		set = ruleset_set(scope->ruleset, scope->chain, name + 1);
	else if (!anonymous.elements)
		return read_element(list, operands->count, single)
		    ? are_within(operands, single)
		    : TRUTH_MAYBE;
	if (!set)
		return TRUTH_MAYBE;
	if (!set->items)
		read_set(set, operands->count);
	truth = search(set, operands, visit, context);
	free(anonymous.items);
	return truth;
}

enum truth
expression_matches(const struct scope *scope, const struct json5 *match)
{
	const struct json5 *left = json5_member(match, "left");
	const struct json5 *right = json5_member(match, "right");
	struct operands operands = { 0 };
	enum truth truth = TRUTH_MAYBE;
	struct range range;
	size_t i = 0;

	while (i < COUNT(operators) &&
	    strcmp(operators[i].name, ruleset_text(match, "op")) != 0)
		i++;
	if (!left || !right || i == COUNT(operators))
		return TRUTH_MAYBE;
	if (!find_operands(scope, left, &operands))
		return TRUTH_NO;
	if (operators[i].compare == EQUALS) {
		truth = look_up(scope, right, &operands, NULL, NULL);
	} else if (read_range(right, &range)) {
		if (operators[i].compare == HAS_ANY) {
			operands.values[0] = value_combine(
			    '&', operands.values[0], value_of_range(&range));
			range.from[1] = 1;
		}
		if (operators[i].compare == IS_UP_TO)
			range.from[1] = 0;
		else
			range.to[0] = range.to[1] = UINT64_MAX;
		truth = range_holds(&range, &operands.values[0]);
	}
	return operators[i].is_contrary ? TRUTH_YES - truth : truth;
}

enum truth
expression_look_up(const struct scope *scope, const struct json5 *map,
    expression_visit *visit, void *context)
{
	const struct json5 *key = json5_member(map, "key");
	const struct json5 *data = json5_member(map, "data");
	struct operands operands;

	if (!key || !data)
		return TRUTH_MAYBE;
	return find_operands(scope, key, &operands)
	    ? look_up(scope, data, &operands, visit, context)
	    : TRUTH_NO;
}
