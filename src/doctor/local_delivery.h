#ifndef DOCTOR_LOCAL_DELIVERY_H
#define DOCTOR_LOCAL_DELIVERY_H

/* How replies to a prefix come to the server half's sockets. */

#include "kernel/routing_rules.h"
#include "net/prefix.h"

/* Of the rule for the table main: ip-rule(8). */
#define LOCAL_DELIVERY_MAIN_PRIORITY 32766

enum local_delivery_way {
	LOCAL_DELIVERY_NONE,
	LOCAL_DELIVERY_MARKED, /* what the firewall marks ends here */
	LOCAL_DELIVERY_ALL,    /* all TCP does */
	LOCAL_DELIVERY_LOCAL,  /* the same by the table local */
};

/* rules: of DELIVERY_MARKED, those whose mark does it. */
struct local_delivery {
	enum local_delivery_way way;
	struct routing_rule rules[ROUTING_RULES_MAX];
	size_t rule_count;
	union address missing; /* DELIVERY_NONE: to this one */
	/* The same, if its table is not 0: this rule is not reached, as
	   another one before it has the answer. */
	struct routing_rule late;
};

/* By what the kernel says of its routes, with each mark that its rules have. */
void local_delivery_find(
    const struct prefix *prefix, struct local_delivery *delivery);

/* "0x5, 0x1/0xf", cut off where it does not fit. Returns text. */
#define LOCAL_DELIVERY_MARKS_STRLEN 128
const char *local_delivery_format_marks(const struct local_delivery *delivery,
    char text[LOCAL_DELIVERY_MARKS_STRLEN]);

#endif
