#ifndef DOCTOR_SOURCE_NAT_H
#define DOCTOR_SOURCE_NAT_H

/* Whether the firewall leaves the users' addresses what they are. */

#include "doctor/context.h"

/*
 * Sends a packet as a user by the default route, and asks the firewall what it
 * made of it, which only root may. Says nothing where there is no way out.
 */
void source_nat_check(
    const struct doctor_context *context, const struct prefix *prefix);

#endif
