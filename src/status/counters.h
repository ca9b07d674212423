#ifndef STATUS_COUNTERS_H
#define STATUS_COUNTERS_H

/* The counters of "rules --count", which the kernel has: rules/count.h. */

#include <json-c/json.h>
#include <stdint.h>

/*
 * Adds to the answer of the server half with that port a member "prefixes": an
 * array of objects with prefix, sent and received. Nothing is added if there
 * are no counters, or if this is not root, whom alone nft(8) shows them.
 */
void counters_add(struct json_object *answer, uint16_t port);

#endif
