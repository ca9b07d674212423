#ifndef RULES_DELIVERY_H
#define RULES_DELIVERY_H

/*
 * Policy routing that delivers packets on this host although their addresses
 * are not its own: a table of routes, and the rule that looks it up. The printed
 * commands may run any number of times with the same result.
 */

#include "rules/script.h"

/*
 * A route for each prefix of that family. type: "local" or "throw". where:
 * "dev lo table" or "dev lo table local metric"; the number follows.
 */
void delivery_print_routes(const struct script *script, int family,
    const char *type, const char *where, unsigned number);

/* The table delivers all packets that no other route of it is for. */
void delivery_print_default(
    const struct script *script, int family, unsigned table);

/*
 * The rule that looks the table up, by a selector such as "fwmark 0x50/0x50". It
 * comes in front of the rules of others, so it must select only packets for this
 * host. Older rules for the table are deleted.
 */
void delivery_print_lookup(const struct script *script, int family,
    const char *selector, unsigned table);

/* Removes the rule and all routes of the table. */
void delivery_print_removal(
    const struct script *script, int family, unsigned table);

#endif
