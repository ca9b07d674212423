#ifndef DOCTOR_USER_ROUTE_H
#define DOCTOR_USER_ROUTE_H

/*
 * The gate's routes to the users: where their packets come in, and where the
 * replies to them leave.
 */

#include <net/if.h>

#include "doctor/context.h"
#include "firewall/remedy.h"
#include "net/prefix.h"

/* Users come in by the link that the route to them leads to. NULL: unknown. */
const char *user_route_find_link(const struct doctor_context *context,
    const struct prefix *users, char name[IF_NAMESIZE]);

/* Whether the users, a server half or the default route are on that link. */
bool user_route_is_in_use(
    const struct doctor_context *context, const char *link, int family);

/* A user's packet that is followed to the client half. */
struct arrival {
	const struct doctor_context *context;
	struct selection users; /* those of the prefix users.from */
	char prefix[PREFIX_STRLEN];
	const char *link;     /* that it comes in by; NULL: unknown */
	bool is_own;          /* the user is this host itself */
	union address user;   /* its source */
	union address remote; /* its destination; at the socket another one */
	struct walk walk;
	struct value mark; /* behind HOOK_PREROUTING */
};

/*
 * Whether the kernel delivers the packet on this host, by its mark. Returns
 * false after reporting the routing rule in the way. fix: the command that ends
 * that; NULL: a rule in front.
 */
bool user_route_check_delivery(const struct arrival *arrival, const char *fix);

/*
 * Follows the answer until it leaves this host. The kernel routes it by its own
 * source and mark, and validates the source of the packet in the same way
 * (rp_filter). Returns false after reporting a routing rule that leads away
 * from the link.
 */
bool user_route_check_answer(
    const struct arrival *arrival, struct walk *answer);

/*
 * Reports a user whose packets arrived on another link meanwhile, so that
 * rp_filter dropped them.
 */
void user_route_check_arrivals(struct doctor_context *context);

/* Whether the kernel looks up the source of packets from there by their mark. */
bool user_route_is_by_mark(const char *link);

#endif
