#ifndef DOCTOR_CLIENT_H
#define DOCTOR_CLIENT_H

/* Whether users come to the client half. */

#include "doctor/context.h"

/* What only root may: the firewall. */
void doctor_client_look(struct doctor_context *context);

/* All the rest. */
void doctor_client_check(struct doctor_context *context);

#endif
