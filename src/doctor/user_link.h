#ifndef DOCTOR_USER_LINK_H
#define DOCTOR_USER_LINK_H

/* The links of the gate that its users are on. */

#include "doctor/context.h"

/*
 * A provider may delegate another prefix. Then inbound.users does not contain
 * the users' addresses, and no rule redirects their connections. This host has
 * an address of the new prefix on their link; the check reports it in a note.
 */
void user_link_check(const struct doctor_context *context);

#endif
