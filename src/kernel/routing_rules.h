#ifndef KERNEL_ROUTING_RULES_H
#define KERNEL_ROUTING_RULES_H

/* The rules that choose a routing table by firewall mark: ip-rule(8). */

#include <stddef.h>
#include <stdint.h>

#define ROUTING_RULES_MAX 64

struct routing_rule {
	uint32_t mark, mask; /* of the packets that it matches */
	uint32_t priority, table;
	uint32_t interface; /* only packets that arrive on it; 0: any */
};

/*
 * Lists the first rules by priority, as many as there is room for. Returns
 * their number.
 */
size_t routing_rules_list_marked(
    int family, struct routing_rule rules[ROUTING_RULES_MAX]);

#endif
