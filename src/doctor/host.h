#ifndef DOCTOR_HOST_H
#define DOCTOR_HOST_H

/* Checks the address to listen on, and the limits, for either half. */

#include "doctor/context.h"

void doctor_host_check(struct doctor_context *context);

#endif
