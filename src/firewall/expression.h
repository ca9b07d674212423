#ifndef FIREWALL_EXPRESSION_H
#define FIREWALL_EXPRESSION_H

/*
 * Evaluates the expressions of nft(8) for a packet: libnftables-json(5). An
 * answer has three values, because parts of a packet may be unknown.
 */

#include "firewall/range.h"
#include "firewall/sight.h"

#define OPERANDS_MAX 5

/* The operands of a match or a lookup: one value, or several in a row. */
struct operands {
	size_t count;
	struct value values[OPERANDS_MAX];
	enum field fields[OPERANDS_MAX]; /* how to read the other side */
};

/* json: a number, field, sum or map. field: the use of its value. */
struct value expression_value(
    const struct scope *scope, const struct json5 *json, enum field field);

/* Evaluates the expression's operands. False if one of them is absent. */
bool expression_operands(const struct scope *scope, const struct json5 *json,
    struct operands *operands);

/* Whether the packet fulfils a "match" statement. */
enum truth expression_matches(
    const struct scope *scope, const struct json5 *match);

/*
 * Visits the map's entries for the operands: first those that may match, last
 * the entry that does. map: the object behind "map" or "vmap". Returns whether
 * any entry matches.
 */
typedef void expression_visit(
    const struct json5 *data, enum truth truth, void *context);
enum truth expression_look_up(const struct scope *scope,
    const struct json5 *map, expression_visit *visit, void *context);

#endif
