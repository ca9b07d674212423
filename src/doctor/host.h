#ifndef DOCTOR_HOST_H
#define DOCTOR_HOST_H

/* What either half wants of this host: an address, and room. */

#include "doctor/context.h"

void doctor_host_check(struct doctor_context *context);

#endif
