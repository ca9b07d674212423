#ifndef FIREWALL_EXPRESSION_H
#define FIREWALL_EXPRESSION_H

/*
 * What expressions of nft(8) come to for a packet: libnftables-json(5). An
 * answer has three values, as not all of a packet is known.
 */

#include "firewall/range.h"
#include "firewall/sight.h"

#define OPERANDS_MAX 5

/* What is looked at, or looked up: one value, or several in a row. */
struct operands {
	size_t count;
	struct value values[OPERANDS_MAX];
	enum field fields[OPERANDS_MAX]; /* which says what to compare with */
};

/* A number, field, sum or map; field: what its value is for. */
struct value expression_value(
    const struct scope *scope, const struct json5 *json, enum field field);

/* The expression's own operands, unless one is absent. */
bool expression_operands(const struct scope *scope, const struct json5 *json,
    struct operands *operands);

/* Whether a "match" is one. */
enum truth expression_matches(
    const struct scope *scope, const struct json5 *match);

/*
 * Visits what a map has for the operands, until it returns false: first what
 * may be, at last what is. map: of "map" and "vmap". Returns whether anything
 * may be.
 */
typedef void expression_visit(
    const struct json5 *data, enum truth truth, void *context);
enum truth expression_look_up(const struct scope *scope,
    const struct json5 *map, expression_visit *visit, void *context);

#endif
