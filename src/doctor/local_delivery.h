#ifndef DOCTOR_LOCAL_DELIVERY_H
#define DOCTOR_LOCAL_DELIVERY_H

/* How replies to a prefix come to the server half's sockets. */

#include "kernel/routing_rules.h"
#include "net/prefix.h"

/* Of the rule for the table main: ip-rule(8). */
#define DELIVERY_MAIN_PRIORITY 32766

enum delivery_way {
	DELIVERY_NONE,
	DELIVERY_MARKED, /* what the firewall marks ends here */
	DELIVERY_ALL,    /* all TCP does */
	DELIVERY_LOCAL,  /* the same by the table local */
};

/* rules: of DELIVERY_MARKED, those whose mark does it. */
struct delivery {
	enum delivery_way way;
	struct policy_rule rules[POLICY_MAX_RULES];
	size_t rule_count;
	union address missing; /* DELIVERY_NONE: to this one */
	/* The same, if its table is not 0: this rule is not reached, as
	   another one before it has the answer. */
	struct policy_rule late;
};

/* By what the kernel says of its routes, with each mark that its rules have. */
void delivery_find(const struct prefix *prefix, struct delivery *delivery);

/* "0x5, 0x1/0xf", cut off where it does not fit. Returns text. */
#define DELIVERY_MARKS_STRLEN 128
const char *delivery_format_marks(
    const struct delivery *delivery, char text[DELIVERY_MARKS_STRLEN]);

#endif
