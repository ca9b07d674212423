#ifndef DOCTOR_USER_ROUTE_H
#define DOCTOR_USER_ROUTE_H

/*
 * The gate's routes to the users: where their packets come in, and where the
 * replies to them leave.
 */

#include <net/if.h>

#include "doctor/context.h"
#include "firewall/walk.h"
#include "net/prefix.h"

/* Users come in by the link that the route to them leads to. NULL: unknown. */
const char *user_route_find_link(const struct doctor_context *context,
    const struct prefix *users, char name[IF_NAMESIZE]);

/* A user's packet that was followed to the client half, and the answer. */
struct user_packet {
	const struct doctor_context *context;
	const struct prefix *users;
	const char *link;           /* that it came in by; NULL: unknown */
	const union address *user;  /* its source */
	union address reached;      /* its destination at the socket */
	const struct walk *arrived; /* behind HOOK_PREROUTING */
	const struct walk *answer;  /* behind HOOK_OUTPUT */
};

/*
 * Whether the kernel delivers the packet on this host, by its mark. Returns
 * false after reporting the routing rule in the way. fix: the command that ends
 * that; NULL: a rule in front.
 */
bool user_route_check_delivery(
    const struct user_packet *packet, const char *fix);

/*
 * The kernel routes the answer by its own source and mark, and validates the
 * source of the packet in the same way (rp_filter). Returns false after
 * reporting a routing rule that leads away from the link.
 */
bool user_route_check_answer(const struct user_packet *packet);

/*
 * Reports a user whose packets arrived on another link meanwhile, so that
 * rp_filter dropped them.
 */
void user_route_check_arrivals(struct doctor_context *context);

/* Whether the kernel looks up the source of packets from there by their mark. */
bool user_route_is_by_mark(const char *link);

#endif
