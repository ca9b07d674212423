#ifndef KERNEL_ROUTING_RULES_H
#define KERNEL_ROUTING_RULES_H

/*
 * The rules that choose a routing table (ip-rule(8)), as the kernel has them:
 * ip(8) leaves out of its listing what it does not know itself.
 */

#include <net/if.h>

#include "base/text.h"
#include "net/prefix.h"

struct routing_rule {
	uint32_t preference;
	uint32_t table;
	uint32_t target; /* of a goto, a preference */
	uint32_t mark, mask;
	int32_t suppressed; /* routes of prefixes no longer than it; -1: none */
	uint32_t first_uid, last_uid;
	uint16_t sports[2], dports[2];   /* first and last; 0: any */
	uint16_t sport_mask, dport_mask; /* of a single port; 0: none */
	uint8_t action;                  /* FR_ACT_TO_TBL and the like */
	uint8_t protocol, tos;
	bool is_inverted;
	bool has_unknown; /* something that this program does not know */
	bool has_from, has_to, has_uid;
	struct prefix from, to;
	char iif[IF_NAMESIZE], oif[IF_NAMESIZE]; /* "": any */
};

struct routing_rules {
	struct routing_rule *items; /* in the kernel's order */
	size_t count;
};

/* Returns 0 or a negative errno. The caller finishes the list. */
int routing_rules_init(struct routing_rules *rules, int family);
void routing_rules_finish(struct routing_rules *rules);

/* A packet that is looked up. */
struct routing_question {
	union address from, to; /* with ports; from may be AF_UNSPEC */
	const char *iif;        /* NULL: this host sends it */
	const char *oif;        /* NULL: not chosen */
	uint32_t mark, uid;
	uint8_t protocol;
};

struct routing_answer {
	/* The rule that decides; NULL: there is no route. */
	const struct routing_rule *rule;
	uint8_t type;       /* of the route: RTN_LOCAL and the like */
	uint32_t interface; /* of the route; 0: none, or several */
	/* The first goto that was followed to it, or NULL. */
	const struct routing_rule *jump;
	/* The first one that would say something else, if it is for it. */
	const struct routing_rule *doubt;
};

/*
 * Goes through the rules as the kernel does, and asks it what each table has.
 * Not what it would do: without forwarding, or where it does not believe the
 * source, it names no route. Returns 0 or a negative errno.
 */
int routing_rules_ask(const struct routing_rules *rules,
    const struct routing_question *question, struct routing_answer *answer);

/* Adds "pref 200 iif eth0 lookup 254", as ip-rule(8) has it, and returns all. */
const char *routing_rule_format(
    const struct routing_rule *rule, struct text *text);

#endif
