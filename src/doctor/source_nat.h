#ifndef DOCTOR_SOURCE_NAT_H
#define DOCTOR_SOURCE_NAT_H

/* Checks whether the firewall leaves the users' addresses unchanged. */

#include "doctor/context.h"

/*
 * Sends a packet from a user's address by the default route, and asks conntrack
 * for its new source, which only root may. Without a route, reports nothing.
 */
void source_nat_check(
    const struct doctor_context *context, const struct prefix *prefix);

#endif
