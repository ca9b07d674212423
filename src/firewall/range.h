#ifndef FIREWALL_RANGE_H
#define FIREWALL_RANGE_H

/* The values that a field is compared with: a single value, or a range. */

#include "firewall/packet.h"

/* The lesser of two truths is the truth of "both". */
enum truth { TRUTH_NO, TRUTH_MAYBE, TRUTH_YES };

struct json5;

struct range {
	uint8_t from[16], to[16]; /* as in a value of the field */
};

/* Reads a constant, range or prefix of libnftables-json(5). False: none. */
bool range_read(
    const struct json5 *json, enum field field, struct range *range);

/* Reads a number, or the sum of several flags. */
bool range_read_number(const struct json5 *json, uint64_t *number);

enum truth range_holds(const struct range *range, const struct value *value);

#endif
