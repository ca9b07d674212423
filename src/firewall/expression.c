#include "firewall/expression.h"

#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "json5/json5.h"

#define OPERANDS_MAX 5
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* A packet has the header if the field has the number. */
static const struct {
	const char *name;
	enum field field;
	uint32_t number;
} headers[] = {
	{ "ip", FIELD_NFPROTO, NFPROTO_IPV4 },
	{ "ip6", FIELD_NFPROTO, NFPROTO_IPV6 },
	{ "arp", FIELD_ETHERTYPE, ETH_P_ARP },
	{ "tcp", FIELD_L4PROTO, IPPROTO_TCP },
	{ "udp", FIELD_L4PROTO, IPPROTO_UDP },
	{ "icmp", FIELD_L4PROTO, IPPROTO_ICMP },
	{ "icmpv6", FIELD_L4PROTO, IPPROTO_ICMPV6 },
	{ "igmp", FIELD_L4PROTO, IPPROTO_IGMP },
	{ "sctp", FIELD_L4PROTO, IPPROTO_SCTP },
	{ "dccp", FIELD_L4PROTO, IPPROTO_DCCP },
	{ "udplite", FIELD_L4PROTO, IPPROTO_UDPLITE },
	{ "esp", FIELD_L4PROTO, IPPROTO_ESP },
	{ "ah", FIELD_L4PROTO, IPPROTO_AH },
	{ "comp", FIELD_L4PROTO, IPPROTO_COMP },
};

/* The expressions that read a field: their name, and the words in it. */
static const struct {
	enum field field;
	const char *texts;
} expressions[] = {
	{ FIELD_SADDR, "|payload saddr|" },
	{ FIELD_DADDR, "|payload daddr|" },
	{ FIELD_SPORT, "|payload sport|" },
	{ FIELD_DPORT, "|payload dport|" },
	{ FIELD_L4PROTO, "|meta l4proto|payload protocol|payload nexthdr|" },
	{ FIELD_NFPROTO, "|meta nfproto|" },
	{ FIELD_ETHERTYPE, "|meta protocol|" },
	{ FIELD_TCP_FLAGS, "|payload flags|" },
	{ FIELD_IIF, "|meta iif|meta iifname|" },
	{ FIELD_OIF, "|meta oif|meta oifname|" },
	{ FIELD_PKTTYPE, "|meta pkttype|" },
	{ FIELD_MARK, "|meta mark|" },
	{ FIELD_UID, "|meta skuid|" },
	{ FIELD_GID, "|meta skgid|" },
	{ FIELD_SADDR_TYPE, "|fib type saddr|" },
	{ FIELD_DADDR_TYPE, "|fib type daddr|" },
	{ FIELD_REVERSE_PATH,
	    "|fib oif saddr iif|fib oif saddr mark iif|"
	    "fib check saddr iif|fib check saddr mark iif|" },
	{ FIELD_TRANSPARENT, "|socket transparent|" },
	{ FIELD_WILDCARD, "|socket wildcard|" },
	{ FIELD_CT_STATE, "|ct state|" },
	{ FIELD_CT_MARK, "|ct mark|" },
	{ FIELD_CT_STATUS, "|ct status|" },
	{ FIELD_CT_DIRECTION, "|ct direction|" },
	{ FIELD_CT_ZONE, "|ct zone|ct original zone|" },
	{ FIELD_CT_SADDR,
	    "|ct original saddr|ct original ip saddr|"
	    "ct original ip6 saddr|" },
	{ FIELD_CT_DADDR,
	    "|ct original daddr|ct original ip daddr|"
	    "ct original ip6 daddr|" },
	{ FIELD_CT_SPORT, "|ct original proto-src|" },
	{ FIELD_CT_DPORT, "|ct original proto-dst|" },
};

/* The operands of a match or a lookup: one value, or several in a row. */
struct operands {
	size_t count;
	struct value values[OPERANDS_MAX];
	enum field fields[OPERANDS_MAX]; /* how to read the other side */
};

static enum truth
lesser(enum truth a, enum truth b)
{
	return a < b ? a : b;
}

enum field
expression_field(const struct json5 *json)
{
	static const char *const keys[] = { "dir", "result", "key", "field",
		"flags" };
	const struct json5 *object = ruleset_only_member(json), *item;
	struct text text;

	/* {'&': [{...}, ...]}: the mask is no part of the question. */
	if (object && (item = json5_item(object, 0)))
		return expression_field(item);
	if (!object || json5_type(object) != JSON5_OBJECT)
		return FIELD_UNKNOWN;
	text_set(&text, "%s", json5_key(object));
	for (size_t i = 0; i < COUNT(keys); i++) {
		const struct json5 *words = json5_member(object, keys[i]);

		for (size_t j = 0; (item = ruleset_item(words, j)); j++)
			text_add(&text, " %s", ruleset_string(item));
	}
	for (size_t i = 0; i < COUNT(expressions); i++) {
		if (text_lists(expressions[i].texts, text.chars))
			return expressions[i].field;
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
	if (i < COUNT(headers) &&
	    !packet_has(scope->packet, headers[i].field, headers[i].number))
		return value_absent;
	return i < COUNT(headers) || !strcmp(name, "th")
	    ? see(scope, expression_field(json))
	    : value_unknown;
}

/* Reads a number, or the sum of several flags. */
static bool
read_number(const struct json5 *json, uint64_t *number)
{
	const struct json5 *flags = json5_member(json, "|");
	const char *text = ruleset_string(json);
	int64_t integer = 0;
	uint64_t part;
	bool truth;
	char *end;

	if (*text) {
		*number = strtoull(text, &end, 0);
		return !*end;
	}
	flags = flags ? flags : json;
	if (json5_boolean(json, &truth))
		integer = truth;
	else if (!json5_integer(json, &integer) &&
	    json5_type(flags) != JSON5_ARRAY)
		return false;
	*number = (uint64_t)integer;
	for (size_t i = 0; i < json5_count(flags); i++) {
		if (!read_number(json5_item(flags, i), &part))
			return false;
		*number |= part;
	}
	return true;
}

/* "nft -n" prints the numbers of protocols in network byte order. */
static bool
read_one(const struct json5 *json, enum field field, struct range *range)
{
	uint64_t number;

	if (!read_number(json, &number))
		return false;
	if (field == FIELD_ETHERTYPE &&
	    (number == 0x0008 || number == 0xdd86 || number == 0x0608))
		number = (number & 0xff) << 8 | number >> 8;
	*range = (struct range){ { 0, number }, { 0, number } };
	return true;
}

/* Reads a constant, range or prefix. False: it is something else. */
static bool
read_range(const struct json5 *json, enum field field, struct range *range)
{
	const struct json5 *pair = json5_member(json, "range");
	const struct json5 *prefix = json5_member(json, "prefix");
	const char *text = ruleset_string(json);
	struct text whole;
	struct range last;
	uint64_t len = 0;

	if (pair && json5_count(pair) == 2) {
		if (!read_range(json5_item(pair, 0), field, range) ||
		    !read_range(json5_item(pair, 1), field, &last))
			return false;
		memcpy(range->to, last.to, sizeof(range->to));
		return true;
	}
	if (prefix && json5_member(prefix, "len") &&
	    read_number(json5_member(prefix, "len"), &len))
		text = text_set(&whole, "%s/%u", ruleset_text(prefix, "addr"),
		    (unsigned)len);
	switch (field) {
	case FIELD_SADDR:
	case FIELD_DADDR:
	case FIELD_CT_SADDR:
	case FIELD_CT_DADDR:
		return range_of_prefix(text, range);
	case FIELD_IIF:
	case FIELD_OIF:
		range_of_name(text, range);
		return json5_type(json) == JSON5_STRING;
	default:
		return read_one(json, field, range);
	}
}

/* The field that a map's value is for, and the value found so far. */
struct map_value {
	const struct scope *scope;
	enum field field;
	struct value value;
};

static void
take_value(const struct json5 *data, enum truth truth, void *context)
{
	struct map_value *found = context;

	if (!found->value.is_absent || truth != TRUTH_YES)
		found->value = value_unknown;
	else
		found->value =
		    expression_value(found->scope, data, found->field);
}

static struct value
range_value(const struct range *range)
{
	bool is_single = !memcmp(range->from, range->to, sizeof(range->from));

	return is_single
	    ? (struct value){ .bits = { range->from[0], range->from[1] } }
	    : value_unknown;
}

struct value
expression_value(
    const struct scope *scope, const struct json5 *json, enum field field)
{
	const struct json5 *object = ruleset_only_member(json), *first;
	struct map_value found = { scope, field, value_absent };
	struct range range;

	if (read_range(json, field, &range))
		return range_value(&range);
	if (!object)
		return value_unknown;
	first = json5_item(object, 0);
	if (first && json5_type(first) == JSON5_OBJECT)
		return value_combine(*json5_key(object),
		    expression_value(scope, first, FIELD_UNKNOWN),
		    json5_count(object) == 2
			? expression_value(scope, json5_item(object, 1),
			      expression_field(first))
			: value_unknown);
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
		operands->fields[i] = expression_field(part);
		operands->values[i] =
		    expression_value(scope, part, FIELD_UNKNOWN);
		if (operands->values[i].is_absent)
			return false;
	}
	operands->count = i;
	return true;
}

/* False: not understood. Other members are only comments and times. */
static bool
read_element(const struct json5 *json, const struct operands *operands,
    struct element *elements)
{
	const struct json5 *wrapped = json5_member(json, "elem"), *parts, *part;
	bool is_any, is_read = true;

	if (wrapped && json5_member(wrapped, "val"))
		json = json5_member(wrapped, "val");
	is_any = !strcmp(ruleset_string(json), "*");
	parts = json5_member(json, "concat");
	for (size_t i = 0; i < operands->count; i++) {
		struct range *range = &elements[i].range;

		part = parts ? json5_item(parts, i) : i > 0 ? NULL : json;
		if (!is_any && part &&
		    read_range(part, operands->fields[i], range))
			continue;
		*range = (struct range){ .to = { UINT64_MAX, UINT64_MAX } };
		is_read &= is_any;
	}
	return is_read;
}

static enum truth
are_within(const struct operands *operands, const struct element *elements)
{
	enum truth truth = TRUTH_YES;

	for (size_t i = 0; i < operands->count && truth; i++)
		truth = lesser(truth,
		    range_holds(&elements[i].range, &operands->values[i]));
	return truth;
}

/* Each item of an array: an element of a set, or a pair of a map. */
static void
read_set(struct set *set, const struct operands *operands)
{
	size_t count = set->elements ? json5_count(set->elements) : 0;

	set->width = operands->count;
	set->items = calloc(count * set->width + 1, sizeof(*set->items));
	set->is_sorted = set->items && set->name && set->width == 1;
	for (; set->items && set->count < count; set->count++) {
		const struct json5 *json =
		    json5_item(set->elements, set->count);
		bool is_pair = json5_type(json) == JSON5_ARRAY;
		const struct json5 *key = is_pair ? json5_item(json, 0) : json;
		struct element *item = &set->items[set->count * set->width];

		item->data = is_pair ? json5_item(json, 1) : NULL;
		set->is_uncertain |= !key || !read_element(key, operands, item);
		set->is_sorted &= item->range.to[0] != UINT64_MAX;
	}
	if (set->is_sorted)
		qsort(set->items, count, sizeof(*set->items), range_compare);
}

/* Ranges are disjoint: only the last to begin before the value can match. */
static size_t
find_sorted(const struct set *set, const struct value *value)
{
	struct range wanted = { { value->bits[0], value->bits[1] }, { 0, 0 } };
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (range_compare(&set->items[middle], &wanted) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? low - 1 : 0;
}

/* A set that changes with time may have any other elements, too. */
static enum truth
search(const struct set *set, const struct operands *operands,
    expression_visit *visit, void *context)
{
	bool is_found = set->is_sorted && value_is_known(&operands->values[0]);
	size_t i = is_found ? find_sorted(set, &operands->values[0]) : 0;
	size_t end = is_found && i < set->count ? i + 1 : set->count;
	enum truth best = TRUTH_NO;

	if (!set->items || set->width != operands->count)
		return TRUTH_MAYBE;
	for (; i < end && best != TRUTH_YES; i++) {
		const struct element *item = &set->items[i * set->width];
		enum truth truth = lesser(are_within(operands, item),
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
		return read_element(list, operands, single)
		    ? are_within(operands, single)
		    : TRUTH_MAYBE;
	if (!set)
		return TRUTH_MAYBE;
	if (!set->items)
		read_set(set, operands);
	truth = search(set, operands, visit, context);
	free(anonymous.items);
	return truth;
}

/* op: "<", "<=", ">" or ">="; "<" is the contrary of ">=". */
static enum truth
is_ordered(const struct value *value, const char *op, const struct json5 *right)
{
	struct range range;
	bool is_strict = !op[1], is_below = (*op == '<') != is_strict;
	enum truth truth;

	if (!read_one(right, FIELD_UNKNOWN, &range))
		return TRUTH_MAYBE;
	if (is_below)
		range.from[1] = 0;
	else
		range.to[0] = range.to[1] = UINT64_MAX;
	truth = range_holds(&range, value);
	return is_strict ? TRUTH_YES - truth : truth;
}

enum truth
expression_matches(const struct scope *scope, const struct json5 *match)
{
	const struct json5 *left = json5_member(match, "left");
	const struct json5 *right = json5_member(match, "right");
	const char *op = ruleset_text(match, "op");
	struct operands operands;
	enum truth truth = TRUTH_MAYBE;
	uint64_t bits;

	if (!left || !right)
		return TRUTH_MAYBE;
	if (!find_operands(scope, left, &operands))
		return TRUTH_NO;
	if (*op == '<' || *op == '>')
		return is_ordered(&operands.values[0], op, right);
	if (strcmp(op, "in") != 0 && strcmp(op, "!") != 0)
		truth = look_up(scope, right, &operands, NULL, NULL);
	else if (read_number(right, &bits))
		truth = value_has_any(&operands.values[0], bits);
	return *op == '!' ? TRUTH_YES - truth : truth;
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
