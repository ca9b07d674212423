#ifndef FIREWALL_VALUE_H
#define FIREWALL_VALUE_H

/*
 * Values that rules compare: 128 bits, of which some may be unknown. Numbers
 * and addresses are right-aligned; the name of an interface is left-aligned.
 */

#include "net/address.h"

/* The lesser of two truths is the truth of "both". */
enum truth { TRUTH_NO, TRUTH_MAYBE, TRUTH_YES };

/* Whether values of two kinds are equal is unknown. */
enum kind { KIND_NUMBER, KIND_ADDRESS, KIND_NAME, KIND_ANY };

struct value {
	bool is_absent;
	enum kind kind;
	uint64_t bits[2], unknown[2]; /* high first; unknown ones are 0 */
};

struct range {
	uint64_t from[2], to[2];
	enum kind kind;
};

extern const struct value value_unknown, value_absent;
extern const struct range range_any;

enum truth truth_both(enum truth a, enum truth b);

struct value value_of_number(uint64_t number);
struct value value_of_name(const char *name);

/* An address of AF_UNSPEC is unknown. */
struct value value_of_address(const union address *address);

/* A range of several values is unknown. */
struct value value_of_range(const struct range *range);

/* Whether all its bits are known. */
bool value_is_known(const struct value *value);

/* operation: '&', '|' or '^'; another one has an unknown result. */
struct value value_combine(char operation, struct value a, struct value b);

/* The value is one of these two. */
struct value value_either(struct value a, struct value b);

enum truth range_holds(const struct range *range, const struct value *value);

/* An order for qsort(3) and bsearch(3); ranges that overlap are equal. */
int range_compare(const void *a, const void *b);

/*
 * Reads a number, a prefix or address, or a name: "eth0", or "eth*" for all
 * names that begin so. A mapped IPv4 block stays IPv6.
 */
void range_parse(const char *text, struct range *range);

#endif
