#ifndef DOCTOR_FORWARDING_H
#define DOCTOR_FORWARDING_H

/*
 * Checks whether this host forwards traffic that is not carried: users' DNS and
 * ping, and connections to users. Carrying does not need it: a note at most.
 */

#include "doctor/context.h"

void forwarding_check(struct doctor_context *context);

#endif
