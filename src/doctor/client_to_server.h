#ifndef DOCTOR_CLIENT_TO_SERVER_H
#define DOCTOR_CLIENT_TO_SERVER_H

/* Whether the client half comes to the server half, and is served there. */

#include "doctor/context.h"

/* Cheap: without a packet, and without resolving a name. */
void client_to_server_check_loop(const struct doctor_context *context);

/* As root: whether the firewall takes its way to it for that of a user. */
void client_to_server_look(struct doctor_context *context);

/* All; takes some seconds where nobody answers. */
void client_to_server_check(struct doctor_context *context);

#endif
