#ifndef RULES_RULES_H
#define RULES_RULES_H

/*
 * The command "rules": prints a script for sh(1) that sets this host's firewall
 * and routing tables up for a configuration. The command itself changes
 * nothing.
 */

#include <stdio.h>

#include "config/config.h"

struct rules_request {
	bool iptables; /* use iptables instead of nft */
	bool simple;   /* CONFIG_SERVER: without IP_TRANSPARENT */
	bool output;   /* CONFIG_CLIENT: also this host's own connections */
	bool count;    /* CONFIG_SERVER: also count the users' bytes */
	bool remove;   /* print the removal; needs no prefixes */
	char *const *
	    prefixes; /* texts, in addition to those of the ACL; ends with NULL */
};

/*
 * Prints all or nothing. Returns 0, or a negative errno after printing the
 * error to standard error: -EINVAL for wrong prefixes.
 */
int rules_print(const struct config *config,
    const struct rules_request *request, FILE *out);

#endif
