#ifndef RULES_SERVER_RULES_H
#define RULES_SERVER_RULES_H

/*
 * Rules and routes that deliver replies to the users on the server's sockets.
 */

#include <stdbool.h>
#include <stdint.h>

#include "net/mark.h"
#include "rules/script.h"

struct server_rules {
	struct script script;
	bool iptables;
	bool
	    simple; /* without a firewall: all TCP to the users is delivered here */
	uint16_t port;           /* of the listener */
	const struct mark *mark; /* of packets of the server's connections */
};

void server_rules_print(const struct server_rules *rules);
/* Prints the removal, whatever the prefixes were. */
void server_rules_print_removal(const struct server_rules *rules);

#endif
