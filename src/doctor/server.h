#ifndef DOCTOR_SERVER_H
#define DOCTOR_SERVER_H

/* Checks whether the server half can connect from the users' addresses. */

#include "doctor/context.h"

/* Checks the firewall, which only root may read. */
void doctor_server_look(struct doctor_context *context);

/* Makes all other checks; takes some seconds if no router answers. */
void doctor_server_check(struct doctor_context *context);

/* One of these: finds users' prefixes that hold an address of this host. */
void doctor_server_check_own_sources(const struct doctor_context *context);

#endif
