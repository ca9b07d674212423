#ifndef DOCTOR_CLIENT_H
#define DOCTOR_CLIENT_H

/* Checks whether users' connections reach the client half. */

#include "doctor/context.h"

/* Checks the firewall, which only root may read. */
void doctor_client_look(struct doctor_context *context);

/* Makes all other checks. */
void doctor_client_check(struct doctor_context *context);

#endif
