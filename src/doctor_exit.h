#ifndef DOCTOR_EXIT_H
#define DOCTOR_EXIT_H

/* Whether the server half can connect from the users' addresses. */

#include "examination.h"

/*
 * By what the kernel says of its routes, without a packet and without the
 * firewall's tools: cheap, and as the user that asks.
 */
void doctor_exit_check_routes(const struct examination *examination);

/* All the rest; takes some seconds where nobody answers. */
void doctor_exit_check(const struct examination *examination);

#endif
