#ifndef KERNEL_ROUTING_RULES_H
#define KERNEL_ROUTING_RULES_H

/*
 * The rules that choose a routing table (ip-rule(8)), read from the kernel. The
 * listing of ip(8) would leave out attributes that ip(8) does not know.
 */

#include <net/if.h>

#include "base/text.h"
#include "net/prefix.h"

struct routing_rule {
	uint32_t preference;
	uint32_t table;
	uint32_t target; /* the preference that a goto leads to */
	uint32_t mark, mask;
	int32_t suppressed; /* ignores routes of prefixes up to it; -1: none */
	uint32_t uids[2];   /* first and last */
	uint16_t sports[2], dports[2];   /* first and last; 0: any */
	uint16_t sport_mask, dport_mask; /* of a single port; 0: none */
	uint8_t action;                  /* FR_ACT_TO_TBL and the like */
	uint8_t protocol, tos;
	bool is_inverted;
	bool has_unknown; /* an attribute that this program does not know */
	struct prefix from, to;                  /* AF_UNSPEC: any */
	char iif[IF_NAMESIZE], oif[IF_NAMESIZE]; /* "": any */
};

struct routing_rules {
	struct routing_rule *items; /* in the kernel's order */
	size_t count;
};

/* Returns 0 or a negative errno. The caller finishes the list. */
int routing_rules_init(struct routing_rules *rules, int family);
void routing_rules_finish(struct routing_rules *rules);

/* A TCP packet that is looked up; if this host sends it, root does. */
struct routing_question {
	union address from, to; /* with ports; from may be AF_UNSPEC */
	const char *iif;        /* NULL: this host sends it */
	uint32_t mark;
};

struct routing_answer {
	/* The rule that decides; NULL: there is no route. */
	const struct routing_rule *rule;
	uint32_t interface;    /* of the route; 0: none, or several */
	union address gateway; /* AF_UNSPEC: none, or several */
	/* The first goto that was followed on the way to rule, or NULL. */
	const struct routing_rule *jump;
	/* The first rule that may match, and would then decide; or NULL. */
	const struct routing_rule *doubt;
};

/*
 * Follows the rules as the kernel does, and asks it for each table's routes. It
 * does not ask for the kernel's decision: without forwarding, or if the kernel
 * rejects the source, that names no route. Returns the type of the route:
 * RTN_LOCAL and the like, RTN_UNSPEC if there is none; or a negative errno,
 * -ENODATA if there are no rules.
 */
int routing_rules_ask(const struct routing_rules *rules,
    const struct routing_question *question, struct routing_answer *answer);

/* Adds "pref 200 iif eth0 lookup 254", as in ip-rule(8); returns all text. */
const char *routing_rule_format(
    const struct routing_rule *rule, struct text *text);

#endif
