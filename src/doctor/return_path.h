#ifndef DOCTOR_RETURN_PATH_H
#define DOCTOR_RETURN_PATH_H

/*
 * Tries, from a user's address, the way that all connections of the server half
 * take: out by the default route, and back to its socket.
 */

#include "doctor/context.h"

/*
 * Connects to the next router from each prefix. A refusal also proves the way
 * back. A listener of this host would not prove it: its replies pass no
 * firewall on their way in. Prefixes are tried in parallel: it takes 10 s at
 * most, for any number of them, even if no router answers.
 */
void return_path_check(const struct doctor_context *context,
    const struct prefix *prefixes, size_t count);

#endif
