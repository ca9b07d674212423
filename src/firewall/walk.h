#ifndef FIREWALL_WALK_H
#define FIREWALL_WALK_H

/*
 * Follows one packet through the rules of a host, in the kernel's order.
 * Routing leads a packet from hook to hook, so the caller names each hook. A
 * walk holds the packet's fate so far, and the rule that decided it.
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
	FATE_UNKNOWN, /* accepted or dropped */
};

/* The rule behind an effect. rule NULL: the policy; chain NULL: no cause. */
struct cause {
	const struct chain *chain;
	const struct rule *rule;
	bool is_sure;  /* it did; otherwise it may have */
	bool is_early; /* a rule leads to the policy before the chain's end */
};

#define DROPS_MAX 8

struct walk {
	struct packet packet; /* as it is now: rewritten, marked, untracked */
	enum fate fate;
	/* FATE_DROPPED: the first rule; FATE_UNKNOWN: that of unknown effect. */
	struct cause cause;
	/* All of them, one for each base chain: the way goes on behind each. */
	struct cause drops[DROPS_MAX];
	size_t drop_count;
	/* The last rule that changed each field, or may have. */
	struct cause changes[FIELD_COUNT];
	/* The rule or policy that ended a nat chain without rewriting. */
	struct cause passed;
};

void walk_init(struct walk *walk, const struct packet *packet);

/*
 * HOOK_PREROUTING includes ingress, and HOOK_POSTROUTING includes egress. If the
 * ruleset is blind, the fate is unknown and has no cause.
 */
void walk_through(struct walk *walk, struct ruleset *ruleset, enum hook hook);

#endif
