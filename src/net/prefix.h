#ifndef NET_PREFIX_H
#define NET_PREFIX_H

/* A block of addresses: "192.0.2.128/25", "2001:db8::/64", or one address. */

#include "net/address.h"

/* address "/" length, and the end of the string */
#define PREFIX_STRLEN (ADDRESS_STRLEN + 4)

struct prefix {
	union address base; /* the bits behind bit_count are zero; port 0 */
	unsigned bit_count;
};

/*
 * Reads text into *prefix; *masked says whether the address had bits set
 * behind the prefix, which are cleared. A mapped block (::ffff:0:0/96 and
 * longer) becomes the IPv4 block that it means. Returns NULL, or what is wrong
 * with the text, in words that complete "the prefix ...: ".
 */
const char *prefix_parse(const char *text, struct prefix *prefix, bool *masked);

/* The address must be unmapped; families never mix. */
bool prefix_contains(const struct prefix *prefix, const union address *address);

/* One address. */
bool prefix_is_single(const struct prefix *prefix);

bool prefix_is_within(const struct prefix *inner, const struct prefix *outer);

/*
 * An order for qsort(3), less than 0 if a comes before b: by family, by address,
 * and a prefix comes before all within it.
 */
int prefix_compare(const struct prefix *a, const struct prefix *b);

/* The two that it consists of; false for a single address, which has none. */
bool prefix_split(const struct prefix *prefix, struct prefix halves[2]);

/* An address that a host may well have: the last but one, where there are. */
void prefix_sample(const struct prefix *prefix, union address *address);

/* Another one: the first but one. */
void prefix_sample_first(const struct prefix *prefix, union address *address);

/*
 * Writes "192.0.2.0/24", with the length of single addresses too. Returns text,
 * which holds PREFIX_STRLEN bytes.
 */
const char *prefix_format(const struct prefix *prefix, char *text);

#endif
