#ifndef DOCTOR_LEG_H
#define DOCTOR_LEG_H

/* Checks how fast the leg between the halves can be. */

#include "doctor/context.h"

/* As root: the server half is still root when it sets up its listeners. */
void doctor_leg_look(struct doctor_context *context);

/* Makes the checks that run as the half's user. */
void doctor_leg_check(struct doctor_context *context);

/*
 * For the client half. fd: a connection to the server. The check opens further
 * connections, and closes them before they have sent a whole request.
 */
void doctor_leg_check_server(
    const struct doctor_context *context, int fd, const union address *server);

#endif
