#ifndef EXEMPTION_H
#define EXEMPTION_H

/* What keeps the firewall from rewriting where packets come from. */

#include <stddef.h>

#include "prefix.h"

/*
 * Finds rules that do so, of any table, in what ruleset_read() returned, and
 * makes a command for the tool that they were made with, which leaves the
 * users out. Returns false if there are none.
 */
bool exemption_find(
    const char *rules, const struct prefix *users, char *command, size_t size);

#endif
