#ifndef FIREWALL_INPUT_FILTER_H
#define FIREWALL_INPUT_FILTER_H

/*
 * Whether the firewall lets connections come in to a port of this host, as far
 * as a person would tell from its rules (ruleset.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/prefix_list.h"

/*
 * True if it drops what no rule accepts, or that port, and none seems to accept
 * it. users: who is redirected to it; NULL if others connect to it themselves.
 * command: what lets it in, as the tool in use has it.
 */
bool input_filter_is_closed(const char *rules, int family, uint16_t port,
    const struct prefix_list *users, char *command, size_t size);

#endif
