#ifndef DOCTOR_RETURN_ROUTE_H
#define DOCTOR_RETURN_ROUTE_H

/* Checks whether replies to the users are delivered to the server half. */

#include "doctor/context.h"

/*
 * Asks the kernel for its routes. Cheap: it sends no packet and runs no
 * firewall tools. It checks for the user that calls it.
 */
void return_route_check_routes(const struct doctor_context *context);

/* Checks whether the firewall sets a mark that the prefix's routes need. */
void return_route_check_mark(
    const struct doctor_context *context, const struct prefix *prefix);

/* Whether replies are delivered from some senders or ports only. */
bool return_route_takes_some(
    const struct doctor_context *context, const struct prefix *prefix);

/* Whether replies need a mark that no rule of the firewall may set. */
bool return_route_may_lack_mark(
    const struct doctor_context *context, const struct prefix *prefix);

/* Whether this user can connect from the prefix, and gets replies here. */
bool return_route_is_there(
    const struct doctor_context *context, const struct prefix *prefix);

#endif
