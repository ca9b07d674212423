#ifndef RULES_RULES_H
#define RULES_RULES_H

/*
 * The command "rules": prints, for sh(1), what the firewall and the routing
 * tables of this host need for a configuration. It changes nothing itself.
 */

#include <stdio.h>

#include "config/config.h"

struct rules_request {
	bool iptables; /* rather than nft */
	bool simple;   /* CONFIG_SERVER: without IP_TRANSPARENT */
	bool output;   /* CONFIG_CLIENT: this host's own connections, too */
	bool remove;   /* what undoes it; needs no prefixes */
	char *const *prefixes; /* texts, next to those of the ACL; then NULL */
};

/*
 * Prints all or nothing. Returns 0, or a negative errno after saying on
 * standard error what is wrong: -EINVAL if the prefixes are.
 */
int rules_print(const struct config *config,
    const struct rules_request *request, FILE *out);

#endif
