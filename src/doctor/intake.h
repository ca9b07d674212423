#ifndef DOCTOR_INTAKE_H
#define DOCTOR_INTAKE_H

/* Checks whether the firewall lets gates connect to the server half. */

#include "doctor/context.h"

/*
 * Gates may come in by any link and from any address. A rule that stops only
 * some of them is a note.
 */
void intake_check(const struct doctor_context *context);

#endif
