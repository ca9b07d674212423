#ifndef FIREWALL_REMEDY_H
#define FIREWALL_REMEDY_H

/*
 * What leaves packets out of the rules that keep this from working. All of these
 * look in what ruleset_read() returned, and make a command for the tool that
 * the rule was made with. They return false if there is no such rule.
 */

#include <stddef.h>

#include "net/prefix.h"

/* The users' packets, of those that rewrite where they come from. */
bool remedy_find(
    const char *rules, const struct prefix *users, char *command, size_t size);

/* And of those by which no connections are tracked, and so none redirected. */
bool remedy_find_untracked(
    const char *rules, const struct prefix *users, char *command, size_t size);

/* This host's own connections to there, of those that redirect them. */
bool remedy_find_own(
    const char *rules, const union address *to, char *command, size_t size);

/* What users' sockets send, of those that drop it. */
bool remedy_find_sent(
    const char *rules, const struct prefix *users, char *command, size_t size);

/* And what is answered to this host. */
bool remedy_find_answers(
    const char *rules, int family, char *command, size_t size);

#endif
