#ifndef DOCTOR_TPROXY_H
#define DOCTOR_TPROXY_H

/*
 * Follows the packets of users to the client half's listener, for the inbound
 * mode "tproxy". Called as root.
 */

#include "doctor/context.h"
#include "net/prefix.h"

/* What concerns the whole host: the listener's option, and its handshakes. */
void tproxy_check_host(const struct doctor_context *context);

/* link: that the users come in by; NULL: unknown. */
void tproxy_check_users(const struct doctor_context *context,
    const struct prefix *users, const char *link);

#endif
