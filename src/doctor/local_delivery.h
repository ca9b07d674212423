#ifndef DOCTOR_LOCAL_DELIVERY_H
#define DOCTOR_LOCAL_DELIVERY_H

/* Finds how replies to a prefix reach the server half's sockets. */

#include "doctor/context.h"
#include "net/prefix.h"

enum local_delivery_way {
	LOCAL_DELIVERY_NONE,
	LOCAL_DELIVERY_MARKED, /* packets that the firewall marks */
	LOCAL_DELIVERY_ALL,    /* all TCP packets */
	LOCAL_DELIVERY_LOCAL,  /* the same, by the table local */
};

struct local_delivery {
	enum local_delivery_way way;
	struct text marks;     /* LOCAL_DELIVERY_MARKED: "0x5, 0x1/0xf" */
	union address missing; /* LOCAL_DELIVERY_NONE: no replies to it */
	/*
	 * LOCAL_DELIVERY_NONE: wanted would deliver, but decisive is first.
	 * wanted NULL: no rule would.
	 */
	const struct routing_rule *wanted, *decisive;
	/*
	 * Takes away replies that it selects by ports or sender, or, with
	 * has_unknown, may do so. NULL: none.
	 */
	const struct routing_rule *exception;
};

/* Follows the rules to the kernel's routes; tries each mark of the rules. */
void local_delivery_find(const struct doctor_context *context,
    const struct prefix *prefix, struct local_delivery *delivery);

/*
 * Whether a packet that comes in by that link with that mark is delivered here.
 * The sender is an outside host. *rule becomes the rule that decides, or NULL.
 */
bool local_delivery_has(const struct doctor_context *context,
    const union address *user, const char *iif, uint32_t mark,
    const struct routing_rule **rule);

/* Adds the rule's mark, "0x5" or "0x1/0xf". Returns the whole text. */
const char *local_delivery_format_mark(
    const struct routing_rule *rule, struct text *text);

#endif
