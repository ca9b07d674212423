#ifndef REWRITING_H
#define REWRITING_H

/* Whether the firewall leaves the users' addresses what they are. */

#include "examination.h"

/*
 * Sends a packet as a user by the default route, and asks the firewall what it
 * made of it, which only root may. Says nothing where there is no way out.
 */
void rewriting_check(
    const struct examination *examination, const struct prefix *prefix);

#endif
