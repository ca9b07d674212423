#ifndef DOCTOR_CLIENT_TO_SERVER_H
#define DOCTOR_CLIENT_TO_SERVER_H

/* Checks whether the client half reaches the server half and is served. */

#include "doctor/context.h"

/*
 * Checks servers that are this host itself: for a loop, and whether anybody
 * listens. Cheap: it sends no packet and resolves no name.
 */
void client_to_server_check_own(const struct doctor_context *context);

/* As root: checks whether the firewall redirects this half's connections. */
void client_to_server_look(struct doctor_context *context);

/* Makes all checks; takes some seconds if the server does not answer. */
void client_to_server_check(struct doctor_context *context);

#endif
