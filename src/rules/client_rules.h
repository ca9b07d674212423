#ifndef RULES_CLIENT_RULES_H
#define RULES_CLIENT_RULES_H

/*
 * Rules that bring the users' connections to the client: redirected by NAT, or
 * given to its listener as they are (TPROXY) and delivered on this host.
 */

#include <stdbool.h>

#include "net/target.h"
#include "rules/script.h"

struct client_rules {
	struct script script;
	bool iptables;
	bool tproxy;
	uint16_t port; /* of the listeners */
	bool output;   /* redirect connections of the gate itself, too */
	bool forward;  /* redirect those that pass the gate */
	const struct prefix_list *exceptions; /* from the users */
	const struct target_list *bypass;     /* destinations to leave alone */
	const union address *listeners; /* [::] listens for both families */
	size_t listener_count;
	/* The proxy's own connections, which must not be redirected. */
	const union address *servers;
	size_t server_count;
	uint32_t mark; /* 0: none */
};

/* The listener for that family's connections, or NULL. */
const union address *client_rules_listener(
    const struct client_rules *rules, int family);

/* Prints the rules; each family of the users needs a listener. */
void client_rules_print(const struct client_rules *rules);

/* Prints the removal of the rules, whatever their prefixes were. */
void client_rules_print_removal(const struct client_rules *rules);

#endif
