#ifndef FIREWALL_WALK_H
#define FIREWALL_WALK_H

/*
 * Follows one packet through the rules of a host, in the kernel's order: hook
 * by hook, as routing takes it from one to the next, which is the caller's to
 * know. A walk tells what became of the packet so far, and by which rule.
 *
 *	walk_init(&walk, &packet);
 *	walk_through(&walk, ruleset, HOOK_PREROUTING);
 *	walk_through(&walk, ruleset, HOOK_INPUT);
 */

#include "firewall/packet.h"
#include "firewall/ruleset.h"

enum fate {
	FATE_ACCEPTED,
	FATE_DROPPED, /* or rejected */
	FATE_UNKNOWN, /* it cannot be told which of the two */
};

/* Who did something: rule is NULL for a chain's policy, chain for nobody. */
struct cause {
	const struct chain *chain;
	const struct rule *rule;
	bool is_sure; /* it did; else it may have */
};

struct walk {
	struct packet packet; /* as it is now: rewritten, marked, untracked */
	enum fate fate;
	/* Of FATE_DROPPED; of FATE_UNKNOWN the rule that cannot be told. */
	struct cause cause;
	/* The last one to change a field, or that may have. */
	struct cause changes[FIELD_COUNT];
	/* What ended a nat chain without rewriting, a rule if any did. */
	struct cause passed;
};

void walk_init(struct walk *walk, const struct packet *packet);

/*
 * Ingress comes before prerouting by itself, egress behind postrouting. Does
 * nothing once the packet is dropped. Of a ruleset that is blind nothing can be
 * told, and there is no cause.
 */
void walk_through(struct walk *walk, struct ruleset *ruleset, enum hook hook);

#endif
