#ifndef FIREWALL_RANGE_H
#define FIREWALL_RANGE_H

/* What a field is compared with: a value, or all from one to another. */

#include "firewall/packet.h"

/* The lesser of two is what both together are. */
enum truth { TRUTH_NO, TRUTH_MAYBE, TRUTH_YES };

struct json5;

struct range {
	uint8_t from[16], to[16]; /* as in a value of the field */
};

/* A constant, range or prefix of libnftables-json(5). False if it is none. */
bool range_read(
    const struct json5 *json, enum field field, struct range *range);

/* Also the sum of several flags. */
bool range_read_number(const struct json5 *json, uint64_t *number);

enum truth range_holds(const struct range *range, const struct value *value);

#endif
