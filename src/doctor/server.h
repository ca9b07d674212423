#ifndef DOCTOR_SERVER_H
#define DOCTOR_SERVER_H

/* Whether the server half can connect from the users' addresses. */

#include "doctor/context.h"

/* What only root may look at: the firewall. */
void doctor_server_look(struct doctor_context *context);

/* All the rest; takes some seconds where nobody answers. */
void doctor_server_check(struct doctor_context *context);

/* Of that: which users' prefixes hold an address of this host's own. */
void doctor_server_check_own_sources(const struct doctor_context *context);

#endif
