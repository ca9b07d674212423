#ifndef FIREWALL_SIGHT_H
#define FIREWALL_SIGHT_H

/* What the expressions of nft(8) look at: libnftables-json(5). */

#include "firewall/packet.h"
#include "firewall/ruleset.h"

/* A packet, and where on its way it is. */
struct scope {
	struct ruleset *ruleset;
	const struct chain *chain;
	const struct packet *packet;
	enum hook hook;
	bool is_before_tracking;
};

/* The field that an expression is, FIELD_UNKNOWN if it is none. */
enum field sight_field(const struct json5 *json);

/*
 * False if the packet has no such header, whatever would be looked at in it;
 * *known says whether the header is one that this program knows.
 */
bool sight_has_header(
    const struct packet *packet, const struct json5 *json, bool *known);

/* What is in a field, there on its way. */
struct value sight_see(const struct scope *scope, enum field field);

#endif
