#ifndef DOCTOR_LOCAL_NETWORK_H
#define DOCTOR_LOCAL_NETWORK_H

/*
 * The gate's other networks, such as a LAN. Users' connections to them are
 * redirected like all others, so they fail unless the exit reaches them.
 */

#include "doctor/context.h"

/* Call it only if the firewall's rules are known. */
void local_network_check(const struct doctor_context *context);

#endif
