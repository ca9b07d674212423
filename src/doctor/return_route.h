#ifndef DOCTOR_RETURN_ROUTE_H
#define DOCTOR_RETURN_ROUTE_H

/* Whether replies to the users are delivered to the server half. */

#include "doctor/context.h"

/*
 * By what the kernel says of its routes, without a packet and without the
 * firewall's tools: cheap, and as the user that asks.
 */
void return_route_check_routes(const struct doctor_context *context);

/* Whether the firewall gives a mark that the routes of a prefix ask for. */
void return_route_check_mark(
    const struct doctor_context *context, const struct prefix *prefix);

/* Whether this user connects from there, and has replies delivered here. */
bool return_route_is_there(const struct prefix *prefix);

#endif
