#ifndef DOCTOR_SOCKET_OPTIONS_H
#define DOCTOR_SOCKET_OPTIONS_H

/* Checks which options this user's sockets may have, by setting them. */

#include "doctor/context.h"

/* Tries each option that the configuration uses. */
void socket_options_check(struct doctor_context *context);

#endif
