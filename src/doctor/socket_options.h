#ifndef DOCTOR_SOCKET_OPTIONS_H
#define DOCTOR_SOCKET_OPTIONS_H

/* What sockets of this user may do, found out by doing it. */

#include "doctor/context.h"

/*
 * Each one, whether the configuration has a use for it or not: it is wrong only
 * where it cannot do without, and other rooms do not say so.
 */
void socket_options_check(const struct doctor_context *context);

#endif
