#ifndef DOCTOR_USER_LINK_H
#define DOCTOR_USER_LINK_H

/* The links of the gate that its users are on. */

#include "doctor/context.h"

/*
 * A provider may delegate another prefix, and then the users have addresses that
 * inbound.users does not contain: nobody redirects their connections. This host
 * has an address of the new prefix on their link, for which there is a note.
 */
void user_link_check(const struct doctor_context *context);

#endif
