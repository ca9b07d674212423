#include "firewall/expression.h"

#include <stdlib.h>
#include <string.h>

#include "json5/json5.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct value unknown = { .state = VALUE_UNKNOWN };
static const struct value absent = { .state = VALUE_ABSENT };

static struct value
get_and(struct value a, struct value b)
{
	struct value result =
	    value_of_number(value_number(&a) & value_number(&b));

	result.unknown_bits = (a.unknown_bits | b.unknown_bits) &
	    ((uint32_t)value_number(&a) | a.unknown_bits) &
	    ((uint32_t)value_number(&b) | b.unknown_bits);
	return result;
}

static struct value
get_xor(struct value a, struct value b)
{
	struct value result;

	a.unknown_bits |= b.unknown_bits;
	result = value_of_number(
	    (value_number(&a) ^ value_number(&b)) & ~(uint64_t)a.unknown_bits);
	result.unknown_bits = a.unknown_bits;
	return result;
}

/* a | b is ~(~a & ~b). */
static struct value
get_or(struct value a, struct value b)
{
	const struct value ones = value_of_number(UINT32_MAX);

	return get_xor(get_and(get_xor(a, ones), get_xor(b, ones)), ones);
}

static const struct {
	const char *name;
	struct value (*get)(struct value a, struct value b);
} sums[] = { { "&", get_and }, { "|", get_or }, { "^", get_xor } };

/* An unknown number has only unknown bits, so that a mask can clear some. */
static struct value
get_sum(const struct scope *scope, const struct json5 *pair,
    struct value (*get)(struct value a, struct value b))
{
	struct value values[2];

	for (size_t i = 0; i < 2; i++) {
		const struct json5 *json = json5_item(pair, i);

		if (!json || field_is_address(sight_field(json)))
			return unknown;
		values[i] = expression_value(scope, json, FIELD_MARK);
		if (values[i].state == VALUE_ABSENT)
			return absent;
		if (values[i].state == VALUE_UNKNOWN) {
			values[i] = value_of_number(0);
			values[i].unknown_bits = UINT32_MAX;
		}
	}
	return get(values[0], values[1]);
}

/* The field that a map's value is for, and the value found so far. */
struct finding_value {
	const struct scope *scope;
	enum field field;
	struct value value;
};

static void
take_value(const struct json5 *data, enum truth truth, void *context)
{
	struct finding_value *found = context;
	struct value value = expression_value(found->scope, data, found->field);

	if (found->value.state != VALUE_ABSENT || truth != TRUTH_YES)
		value.state = VALUE_UNKNOWN;
	found->value = value;
}

static struct value
constant(const struct json5 *json, enum field field)
{
	struct value value = { .state = VALUE_KNOWN };
	struct range range;

	if (!range_read(json, field, &range) ||
	    memcmp(range.from, range.to, sizeof(range.from)) != 0)
		return unknown;
	memcpy(value.bytes, range.from, sizeof(value.bytes));
	return value;
}

struct value
expression_value(
    const struct scope *scope, const struct json5 *json, enum field field)
{
	const struct json5 *map = json5_member(json, "map");
	struct finding_value found = { scope, field, absent };
	bool is_known_header;
	enum field own;

	for (size_t i = 0; i < COUNT(sums); i++) {
		const struct json5 *pair = json5_member(json, sums[i].name);

		if (pair && json5_count(pair) == 2 &&
		    json5_type(json5_item(pair, 0)) == JSON5_OBJECT)
			return get_sum(scope, pair, sums[i].get);
	}
	if (map) {
		expression_look_up(scope, map, take_value, &found);
		return found.value;
	}
	if (!sight_has_header(scope->packet, json, &is_known_header))
		return absent;
	own = is_known_header ? sight_field(json) : FIELD_UNKNOWN;
	return own ? sight_see(scope, own) : constant(json, field);
}

bool
expression_operands(const struct scope *scope, const struct json5 *json,
    struct operands *operands)
{
	const struct json5 *parts = json5_member(json, "concat");

	operands->count = parts ? json5_count(parts) : 1;
	if (operands->count > OPERANDS_MAX)
		operands->count = 0;
	for (size_t i = 0; i < operands->count; i++) {
		const struct json5 *part = parts ? json5_item(parts, i) : json;

		operands->fields[i] = sight_field(part);
		operands->values[i] =
		    expression_value(scope, part, FIELD_UNKNOWN);
		if (operands->values[i].state == VALUE_ABSENT)
			return false;
	}
	return true;
}

static enum truth
are_within(const struct operands *operands, const struct range *ranges)
{
	enum truth truth = operands->count ? TRUTH_YES : TRUTH_MAYBE;

	for (size_t i = 0; i < operands->count && truth; i++) {
		enum truth part = range_holds(&ranges[i], &operands->values[i]);

		truth = part < truth ? part : truth;
	}
	return truth;
}

/* False: not understood. Other members are only comments and times. */
static bool
read_element(const struct json5 *json, const struct operands *operands,
    struct range ranges[OPERANDS_MAX])
{
	const struct json5 *wrapped = json5_member(json, "elem"), *parts;

	if (wrapped && json5_member(wrapped, "val"))
		json = json5_member(wrapped, "val");
	parts = json5_member(json, "concat");
	if (json5_string(json, NULL) && !strcmp(json5_string(json, NULL), "*"))
		parts = NULL;
	else if (operands->count > 1 &&
	    (!parts || json5_count(parts) != operands->count))
		return false;
	for (size_t i = 0; i < operands->count; i++) {
		if (!range_read(parts ? json5_item(parts, i) : json,
			operands->fields[i], &ranges[i]))
			return false;
	}
	return true;
}

static enum truth
is_element(const struct operands *operands, const struct json5 *json)
{
	struct range ranges[OPERANDS_MAX];

	return read_element(json, operands, ranges)
	    ? are_within(operands, ranges)
	    : TRUTH_MAYBE;
}

static int
compare_ranges(const void *a, const void *b)
{
	const struct range *first = a, *second = b;

	return memcmp(first->from, second->from, sizeof(first->from));
}

/* Sets may be large, so each is read only once. */
static void
read_set(
    struct ruleset *ruleset, struct set *set, const struct operands *operands)
{
	struct range ranges[OPERANDS_MAX], *room;

	set->width = operands->count;
	for (size_t i = 0; i < json5_count(set->elements); i++) {
		if (!read_element(
			json5_item(set->elements, i), operands, ranges)) {
			set->is_uncertain = true;
			continue;
		}
		for (size_t j = 0; j < set->width; j++) {
			room = ruleset_grow(ruleset, &set->ranges,
			    &set->range_count, sizeof(*room));
			*room = ranges[j];
		}
	}
	if (set->width == 1 && set->range_count > 0)
		qsort(set->ranges, set->range_count, sizeof(*set->ranges),
		    compare_ranges);
}

/* Ranges are sorted and disjoint: only the last to begin before can match. */
static enum truth
search(const struct set *set, const struct value *value)
{
	size_t low = 0, high = set->range_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(set->ranges[middle].from, value->bytes,
			sizeof(value->bytes)) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? range_holds(&set->ranges[low - 1], value) : TRUTH_NO;
}

static enum truth
is_in_named(const struct scope *scope, const char *name,
    const struct operands *operands)
{
	struct set *set = ruleset_set(scope->ruleset, scope->chain, name);
	enum truth best = TRUTH_NO;

	if (set && set->elements && !set->width)
		read_set(scope->ruleset, set, operands);
	if (!set || set->is_uncertain)
		return TRUTH_MAYBE;
	if (set->width == 1 && operands->values[0].state == VALUE_KNOWN &&
	    !operands->values[0].unknown_bits)
		return search(set, &operands->values[0]);
	for (size_t i = 0; i < set->range_count && best != TRUTH_YES;
	     i += set->width) {
		enum truth truth = are_within(operands, &set->ranges[i]);

		best = truth > best ? truth : best;
	}
	return best;
}

static enum truth
is_in(const struct scope *scope, const struct json5 *right,
    const struct operands *operands)
{
	const char *name = json5_string(right, NULL);
	const struct json5 *list = json5_member(right, "set");
	enum truth best = TRUTH_NO;

	if (name && *name == '@')
		return is_in_named(scope, name + 1, operands);
	if (!list || json5_type(list) != JSON5_ARRAY)
		return is_element(operands, list ? list : right);
	for (size_t i = 0; i < json5_count(list) && best != TRUTH_YES; i++) {
		enum truth truth = is_element(operands, json5_item(list, i));

		best = truth > best ? truth : best;
	}
	return best;
}

/* Whether the value has any of the bits. */
static enum truth
has_bits(const struct value *value, const struct json5 *right)
{
	uint64_t bits;

	if (value->state == VALUE_UNKNOWN || !range_read_number(right, &bits))
		return TRUTH_MAYBE;
	if (value_number(value) & ~(uint64_t)value->unknown_bits & bits)
		return TRUTH_YES;
	return value->unknown_bits & bits ? TRUTH_MAYBE : TRUTH_NO;
}

static enum truth
is_ordered(const struct value *value, const char *op, const struct json5 *right)
{
	uint64_t number, limit;

	if (value->state == VALUE_UNKNOWN || value->unknown_bits ||
	    !range_read_number(right, &limit))
		return TRUTH_MAYBE;
	number = value_number(value);
	return (op[1] && number == limit) ||
		(*op == '<' ? number < limit : number > limit)
	    ? TRUTH_YES
	    : TRUTH_NO;
}

enum truth
expression_matches(const struct scope *scope, const struct json5 *match)
{
	const struct json5 *left = json5_member(match, "left");
	const struct json5 *right = json5_member(match, "right");
	const char *op = ruleset_text(match, "op");
	struct operands operands = { 0 };
	enum truth truth;

	if (!left || !right)
		return TRUTH_MAYBE;
	if (!expression_operands(scope, left, &operands))
		return TRUTH_NO;
	if (*op == '<' || *op == '>')
		return is_ordered(&operands.values[0], op, right);
	if (!strcmp(op, "in") || !strcmp(op, "!"))
		truth = has_bits(&operands.values[0], right);
	else
		truth = is_in(scope, right, &operands);
	return *op == '!' ? TRUTH_YES - truth : truth;
}

enum truth
expression_look_up(const struct scope *scope, const struct json5 *map,
    expression_visit *visit, void *context)
{
	const struct json5 *key = json5_member(map, "key");
	const struct json5 *data = json5_member(map, "data");
	const char *name = data ? json5_string(data, NULL) : NULL;
	struct set *named = name && *name
	    ? ruleset_set(scope->ruleset, scope->chain, name + 1)
	    : NULL;
	const struct json5 *list = named ? named->elements : NULL;
	enum truth best = TRUTH_NO;
	struct operands operands = { 0 };

	if (!key || !data || (name && !named))
		return TRUTH_MAYBE;
	if (!expression_operands(scope, key, &operands))
		return TRUTH_NO;
	list = name ? list : json5_member(data, "set");
	for (size_t i = 0; list && i < json5_count(list) && best != TRUTH_YES;
	     i++) {
		const struct json5 *pair = json5_item(list, i);
		enum truth truth = json5_count(pair) == 2
		    ? is_element(&operands, json5_item(pair, 0))
		    : TRUTH_MAYBE;

		if (truth == TRUTH_YES && named && named->is_uncertain)
			truth = TRUTH_MAYBE;
		if (truth && json5_count(pair) == 2)
			visit(json5_item(pair, 1), truth, context);
		best = truth > best ? truth : best;
	}
	return named && named->is_uncertain ? TRUTH_MAYBE : best;
}
