#ifndef FIREWALL_REMEDY_H
#define FIREWALL_REMEDY_H

/*
 * The rule that is in the way (walk.h), in words, and the command that lets
 * packets pass it: of the tool that made it, as the other tools' changes are
 * lost or not permitted.
 */

#include "base/text.h"
#include "firewall/walk.h"
#include "net/prefix.h"

/* TCP packets; of what is not known any of them. */
struct selection {
	int family;
	const struct prefix *from, *to; /* NULL: any */
	uint16_t port;                  /* of the destination; 0: any */
	bool is_reply;                  /* of connections that are there */
};

/*
 * Writes "chain input of table inet filter, rule with handle 12", "... of
 * iptables, table filter, rule 3", or "..., policy". Returns
 * the characters.
 */
const char *remedy_name(const struct cause *cause, struct text *text);

/*
 * Accepts the selection in front of that rule, or of that policy. Returns false
 * if no command can, as the table is another program's own.
 */
bool remedy_pass(const struct ruleset *ruleset, const struct cause *cause,
    const struct selection *selection, struct text *command);

/* Takes the rule out. Returns false if no command can, or it is a policy. */
bool remedy_delete(const struct ruleset *ruleset, const struct cause *cause,
    struct text *command);

#endif
