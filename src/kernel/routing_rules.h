#ifndef KERNEL_ROUTING_RULES_H
#define KERNEL_ROUTING_RULES_H

/* The rules that choose a routing table by the firewall's mark: ip-rule(8). */

#include <stddef.h>
#include <stdint.h>

#define POLICY_MAX_RULES 64

struct routing_rule {
	uint32_t mark, mask; /* of packets it is for */
	uint32_t priority, table;
	uint32_t interface; /* only what comes in by it; 0: by any */
};

/* Puts there as many as there is room for, the first one first. */
size_t routing_rules_list_marked(
    int family, struct routing_rule rules[POLICY_MAX_RULES]);

#endif
