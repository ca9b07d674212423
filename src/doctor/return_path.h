#ifndef DOCTOR_RETURN_PATH_H
#define DOCTOR_RETURN_PATH_H

/*
 * Tries, from an address of users, the way that all connections of the server
 * half take: out by the default route, and back to its socket.
 */

#include "doctor/context.h"

/*
 * Asks the next router for each of these prefixes; a refusal from there proves
 * the way back. A listener of this host would not: its replies pass no firewall
 * on their way in. Many are tried side by side: it takes 10 s at most, however
 * many they are and whoever does not answer.
 */
void return_path_check(const struct doctor_context *context,
    const struct prefix *prefixes, size_t count);

#endif
