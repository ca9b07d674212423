#ifndef FIREWALL_EXPRESSION_H
#define FIREWALL_EXPRESSION_H

/*
 * Evaluates the expressions of nft(8) for a packet: libnftables-json(5). An
 * answer has three values, because parts of a packet may be unknown.
 */

#include "firewall/packet.h"
#include "firewall/ruleset.h"

/* A packet, and its place on its way. */
struct scope {
	struct ruleset *ruleset;
	const struct chain *chain;
	const struct packet *packet;
	enum hook hook;
	bool is_before_tracking;
};

/* Returns the field that an expression reads; FIELD_UNKNOWN: none. */
enum field expression_field(const struct json5 *json);

/* json: a number, address, field, sum or map. */
struct value expression_value(
    const struct scope *scope, const struct json5 *json);

/* Whether the packet fulfils a "match" statement. */
enum truth expression_matches(
    const struct scope *scope, const struct json5 *match);

/*
 * Visits the map's entries for the packet: first those that may match, last the
 * entry that does. map: the object behind "map" or "vmap". Returns whether any
 * entry matches.
 */
typedef void expression_visit(
    const struct json5 *data, enum truth truth, void *context);
enum truth expression_look_up(const struct scope *scope,
    const struct json5 *map, expression_visit *visit, void *context);

#endif
