#ifndef RULES_COUNT_H
#define RULES_COUNT_H

/*
 * Counters of the users' bytes on an exit, one for each prefix and direction,
 * in an nft(8) table of their own. The kernel counts, so a restart of the
 * server half loses nothing. The printed commands may run any number of times:
 * counters that are there keep their values.
 */

#include <json-c/json.h>

#include "net/prefix.h"
#include "rules/script.h"

#define COUNT_COUNTER_LEN (16 + PREFIX_STRLEN)

/* The counters of the server half with that port. */
void count_print(const struct script *script, uint16_t port);
void count_print_removal(const struct script *script, uint16_t port);

/*
 * What they have counted: an array of objects with prefix, sent and received,
 * which the caller json_object_put()s. NULL if there are none, or if this is not
 * root, whom alone nft(8) shows them.
 */
struct json_object *count_read(uint16_t port);

/*
 * Finds direction, "sent" or "received", and prefix in the name of a counter,
 * "sent-2001_db8__/32": nft(8) takes no colon in a name. Returns false for
 * counters of others. prefix points into copy.
 */
bool count_parse(const char *counter, char copy[COUNT_COUNTER_LEN],
    const char **direction, const char **prefix);

#endif
