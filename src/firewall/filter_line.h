#ifndef FIREWALL_FILTER_LINE_H
#define FIREWALL_FILTER_LINE_H

/*
 * One line of a ruleset (ruleset.h), of nft(8) or iptables-save(8): what it
 * does, and to which of the connections that come in, as a person reads it.
 */

#include <stdbool.h>
#include <stdint.h>

/* Between words. */
#define FILTER_LINE_BLANKS " \t,{}"

/* Takes out what says anything and does nothing: comments, counters, logging. */
void filter_line_tidy(char *line);

/* The word by itself, not in a name, as that of a chain. */
bool filter_line_has(const char *line, const char *word);

bool filter_line_drops(const char *line);
bool filter_line_accepts(const char *line);

/* Nothing but a verdict. */
bool filter_line_is_unconditional(const char *line);

/* That TCP port is among those that it names, or is not left out by it. */
bool filter_line_is_about_port(const char *line, uint16_t port);

/* Ports in a set elsewhere, which is not looked at. */
bool filter_line_names_set(const char *line);

/* It may be for some senders or links only. */
bool filter_line_is_about_some(const char *line);

/* Not for the first packet of any TCP connection from outside to this host. */
bool filter_line_is_about_others(const char *line);

#endif
