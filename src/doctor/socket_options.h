#ifndef DOCTOR_SOCKET_OPTIONS_H
#define DOCTOR_SOCKET_OPTIONS_H

/* What sockets of this user may do, found out by doing it. */

#include "doctor/context.h"

/* Each one that the configuration has a use for. */
void socket_options_check(struct doctor_context *context);

#endif
