#ifndef DOCTOR_LEG_H
#define DOCTOR_LEG_H

/* Of an examination: how fast the leg between the halves can be. */

#include "doctor/context.h"

/* As root, whom the server half still is when it sets up its listeners. */
void doctor_leg_look(struct doctor_context *context);

/* As the half's user. */
void doctor_leg_check(struct doctor_context *context);

/*
 * For the client half: with that connection to the server, and others of its
 * own, which are closed before they have sent a request.
 */
void doctor_leg_check_server(
    const struct doctor_context *context, int fd, const union address *server);

#endif
