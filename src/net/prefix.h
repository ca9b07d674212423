#ifndef NET_PREFIX_H
#define NET_PREFIX_H

/* A block of addresses: "192.0.2.128/25", "2001:db8::/64", or one address. */

#include "net/address.h"

/* address "/" length, and the end of the string */
#define PREFIX_STRLEN (ADDRESS_STRLEN + 4)

struct prefix {
	union address base; /* the bits after bit_count are zero; port 0 */
	unsigned bit_count;
};

/*
 * Reads text into *prefix and clears the bits after the prefix; *masked says
 * whether any of them was set. A mapped block (::ffff:0:0/96 and longer)
 * becomes the IPv4 block that it means. Returns NULL, or an error that
 * completes "the prefix ...: ".
 */
const char *prefix_parse(const char *text, struct prefix *prefix, bool *masked);

/* The address must be unmapped; families never mix. */
bool prefix_contains(const struct prefix *prefix, const union address *address);

/* True for a prefix of a single address. */
bool prefix_is_single(const struct prefix *prefix);

bool prefix_is_within(const struct prefix *inner, const struct prefix *outer);

/*
 * Whether no outside host could answer any of its addresses (RFC 1918, RFC
 * 6598, RFC 4193).
 */
bool prefix_is_private(const struct prefix *prefix);

/*
 * The order is by family, then by address; a prefix comes before the prefixes
 * within it. Less than 0 if a comes before b.
 */
int prefix_compare(const struct prefix *a, const struct prefix *b);
void prefix_sort(struct prefix *items, size_t count);

/* A likely host address: the last but one, if the prefix has several. */
union address prefix_sample(const struct prefix *prefix);

/* Another likely one: the second address. */
union address prefix_sample_first(const struct prefix *prefix);

/*
 * Writes "192.0.2.0/24"; a single address has its length too. Returns text,
 * which holds PREFIX_STRLEN bytes.
 */
const char *prefix_format(const struct prefix *prefix, char *text);

#endif
