#ifndef DOCTOR_SERVER_H
#define DOCTOR_SERVER_H

/* Whether the server half can connect from the users' addresses. */

#include "doctor/context.h"

/* What only root may look at: the firewall. */
void doctor_exit_look(const struct examination *examination);

/* All the rest; takes some seconds where nobody answers. */
void doctor_exit_check(const struct examination *examination);

/* Of that: which users' prefixes hold an address of this host's own. */
void doctor_exit_check_own_sources(const struct examination *examination);

#endif
