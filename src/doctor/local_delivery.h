#ifndef DOCTOR_LOCAL_DELIVERY_H
#define DOCTOR_LOCAL_DELIVERY_H

/* How replies to a prefix come to the server half's sockets. */

#include "base/text.h"
#include "kernel/routing_rules.h"
#include "net/prefix.h"

enum local_delivery_way {
	LOCAL_DELIVERY_NONE,
	LOCAL_DELIVERY_MARKED, /* what the firewall marks ends here */
	LOCAL_DELIVERY_ALL,    /* all TCP does */
	LOCAL_DELIVERY_LOCAL,  /* the same by the table local */
};

struct local_delivery {
	enum local_delivery_way way;
	struct text marks;     /* LOCAL_DELIVERY_MARKED: "0x5, 0x1/0xf" */
	union address missing; /* LOCAL_DELIVERY_NONE: to this one */
	/* The same: wanted would deliver, were decisive not before it. */
	bool is_late;
	struct routing_rule wanted, decisive;
	/* This one takes replies that it selects by their ports or sender. */
	bool has_exception;
	struct routing_rule exception;
};

/* By what the kernel says of its routes, with each mark that its rules have. */
void local_delivery_find(
    const struct prefix *prefix, struct local_delivery *delivery);

/*
 * Whether what comes in by that link with that mark is delivered. remote: the
 * sender, AF_UNSPEC: the world outside. *rule becomes what decides, of rules,
 * or NULL.
 */
bool local_delivery_has(const struct routing_rules *rules,
    const union address *user, const union address *remote, const char *iif,
    uint32_t mark, const struct routing_rule **rule);

/* Adds "0x5" or "0x1/0xf", the mark that a rule is for. Returns all. */
const char *local_delivery_format_mark(
    const struct routing_rule *rule, struct text *text);

#endif
