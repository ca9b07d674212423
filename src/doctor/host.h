#ifndef DOCTOR_HOST_H
#define DOCTOR_HOST_H

/* What either half wants of this host: an address, room, forwarding. */

#include "doctor/context.h"

/* As root, who alone sees the firewall. */
void doctor_host_look(const struct doctor_context *context);

void doctor_host_check(const struct doctor_context *context);

#endif
