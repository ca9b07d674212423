#ifndef RULES_CLIENT_RULES_H
#define RULES_CLIENT_RULES_H

/* How the users' connections come to the client half. */

#include <stdbool.h>

#include "rules/script.h"

struct client_rules {
	struct script script;
	bool iptables;
	bool output;  /* those of the gate itself, too */
	bool forward; /* those that pass the gate; false: only its own */
	const union address *listeners; /* [::] listens for both families */
	size_t listener_count;
	/* How the proxy's own connections, which must not come back, look. */
	const union address *servers;
	size_t server_count;
	uint32_t mark; /* 0: none */
};

/* The listener that a family's connections are for, or NULL. */
const union address *client_rules_listener(
    const struct client_rules *rules, int family);

/* Each family of the users needs a listener. */
void client_rules_print(const struct client_rules *rules);

/* Undoes it, whatever the prefixes were. */
void client_rules_print_removal(const struct client_rules *rules);

#endif
