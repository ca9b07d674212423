#ifndef DOCTOR_FORWARDING_H
#define DOCTOR_FORWARDING_H

/*
 * Whether this host forwards what is not carried: users' DNS and ping, and
 * connections to users. It is nothing that carrying needs, so at most a note.
 */

#include "doctor/context.h"

void forwarding_check(struct doctor_context *context);

#endif
