#ifndef FIREWALL_REMEDY_H
#define FIREWALL_REMEDY_H

/*
 * Names the rule that is in the way (walk.h), and makes the command that lets
 * packets pass it. The command uses the tool that made the rule, because
 * changes by other tools are lost or not permitted.
 */

#include "base/text.h"
#include "firewall/walk.h"
#include "net/prefix.h"

/* TCP packets. A member that is not set selects any. */
struct selection {
	int family;
	const struct prefix *from, *to; /* NULL: any */
	uint16_t port;                  /* of the server; 0: any */
	uint32_t mark, mask;            /* of the packets; 0: any */
	bool is_reply;                  /* from the server, of a connection */
	bool is_untracked;              /* conntrack does not know that */
	const char *jump; /* the chain of its table to go to; NULL: accept */
};

/*
 * Writes "chain input of table inet filter, rule with handle 12", "... of
 * iptables, table filter, rule 3", or "..., policy". Returns
 * the characters.
 */
const char *remedy_name(const struct cause *cause, struct text *text);

/*
 * Makes the command that accepts the selection before that rule or policy.
 * Returns false if no command can, because another program owns the table.
 */
bool remedy_pass(const struct ruleset *ruleset, const struct cause *cause,
    const struct selection *selection, struct text *command);

/* Makes the commands that let the selection pass all that drops the walk. */
bool remedy_pass_all(const struct ruleset *ruleset, const struct walk *walk,
    const struct selection *selection, struct text *commands);

#endif
