#ifndef RULES_COUNT_H
#define RULES_COUNT_H

/*
 * Counters of the users' bytes on an exit, one for each prefix and direction,
 * in an nft(8) table of their own. The kernel counts, so a restart of the
 * server half loses nothing. The printed commands may run any number of times:
 * counters that are there keep their values.
 */

#include "net/prefix.h"
#include "rules/script.h"

#define COUNT_NAME_LEN 48
#define COUNT_COUNTER_LEN (16 + PREFIX_STRLEN)

/* The table of the server half with that port. Returns name. */
const char *count_table(uint16_t port, char name[COUNT_NAME_LEN]);

void count_print(const struct script *script, uint16_t port);
void count_print_removal(const struct script *script, uint16_t port);

/*
 * Finds direction, "sent" or "received", and prefix in the name of a counter,
 * "sent-2001_db8__/32": nft(8) takes no colon in a name. Returns false for
 * counters of others. prefix points into copy.
 */
bool count_parse(const char *counter, char copy[COUNT_COUNTER_LEN],
    const char **direction, const char **prefix);

#endif
