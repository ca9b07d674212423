#ifndef FIREWALL_SIGHT_H
#define FIREWALL_SIGHT_H

/* The fields that expressions of nft(8) read: libnftables-json(5). */

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
enum field sight_field(const struct json5 *json);

/*
 * False if the packet lacks the header that the expression reads. *known says
 * whether this program knows the header.
 */
bool sight_has_header(
    const struct packet *packet, const struct json5 *json, bool *known);

/* Returns the value of a field at the packet's place on its way. */
struct value sight_see(const struct scope *scope, enum field field);

#endif
