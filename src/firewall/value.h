#ifndef FIREWALL_VALUE_H
#define FIREWALL_VALUE_H

/*
 * Values that rules compare: 128 bits, of which some may be unknown. Numbers
 * and addresses are right-aligned; the name of an interface is left-aligned.
 */

#include "net/address.h"

/* The lesser of two truths is the truth of "both". */
enum truth { TRUTH_NO, TRUTH_MAYBE, TRUTH_YES };

struct value {
	bool is_absent;
	uint64_t bits[2], unknown[2]; /* high first; unknown ones are 0 */
};

struct range {
	uint64_t from[2], to[2];
};

extern const struct value value_unknown, value_absent;

struct value value_of_number(uint64_t number);
struct value value_of_name(const char *name);

/* An address of AF_UNSPEC is unknown. */
struct value value_of_address(const union address *address);

/* Whether all its bits are known. */
bool value_is_known(const struct value *value);

/* operation: '&', '|' or '^'; another one has an unknown result. */
struct value value_combine(char operation, struct value a, struct value b);

/* The value is one of these two. */
struct value value_either(struct value a, struct value b);

/* Whether the value has any of these bits. */
enum truth value_has_any(const struct value *value, uint64_t bits);

enum truth range_holds(const struct range *range, const struct value *value);

/* The order of the first values. */
int range_compare(const void *a, const void *b);

/* "192.0.2.0/24". A mapped IPv4 block stays IPv6. False: it is none. */
bool range_of_prefix(const char *text, struct range *range);

/* "eth0", or "eth*" for all names that begin so. */
void range_of_name(const char *text, struct range *range);

#endif
