#ifndef DOCTOR_HOST_H
#define DOCTOR_HOST_H

/* What either half wants of this host: an address, room, forwarding. */

#include "doctor/context.h"

/* As root, who alone sees the firewall. */
void doctor_host_look(const struct examination *examination);

void doctor_host_check(const struct examination *examination);

#endif
