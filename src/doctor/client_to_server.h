#ifndef DOCTOR_CLIENT_TO_SERVER_H
#define DOCTOR_CLIENT_TO_SERVER_H

/* Whether the client half comes to the server half, and is served there. */

#include "doctor/context.h"

/* Cheap: without a packet, and without resolving a name. */
void doctor_server_check_loop(const struct examination *examination);

/* As root: whether the firewall takes its way to it for that of a user. */
void doctor_server_look(struct examination *examination);

/* All; takes some seconds where nobody answers. */
void doctor_server_check(const struct examination *examination);

#endif
