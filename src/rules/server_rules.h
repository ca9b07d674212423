#ifndef RULES_SERVER_RULES_H
#define RULES_SERVER_RULES_H

/* How replies to the users come back to the sockets of the server half. */

#include <stdbool.h>
#include <stdint.h>

#include "rules/script.h"

/* On what belongs to the server half's own connections. */
#define EXIT_RULES_MARK 0x5

struct server_rules {
	struct script script;
	bool iptables;
	bool simple;   /* without a firewall: all TCP to the users ends here */
	uint16_t port; /* of the listener */
};

void server_rules_print(const struct server_rules *rules);
/* Undoes it, whatever the prefixes were. */
void server_rules_print_removal(const struct server_rules *rules);

#endif
