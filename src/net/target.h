#ifndef NET_TARGET_H
#define NET_TARGET_H

/*
 * Destinations as an operator names them: "192.0.2.0/24", "192.0.2.1:25",
 * "[2001:db8::/32]:1-1023", and ":25" for a port of all addresses.
 */

#include "net/prefix.h"

/* brackets, colon, two ports and a dash */
#define TARGET_STRLEN (PREFIX_STRLEN + 14)

struct target {
	struct prefix prefix;           /* AF_UNSPEC: all addresses */
	uint16_t first_port, last_port; /* both 0: all ports */
};

struct target_list {
	struct target *items;
	size_t count;
	bool is_given; /* false: nobody wrote a list, not even an empty one */
};

/*
 * Reads text into *target; *masked as prefix_parse() has it. Returns NULL, or
 * what is wrong with the text.
 */
const char *target_parse(const char *text, struct target *target, bool *masked);

/* The address must be unmapped. Its port counts. */
bool target_contains(const struct target *target, const union address *address);

/*
 * Writes it as target_parse() reads it, to TARGET_STRLEN bytes. Returns text.
 */
const char *target_format(const struct target *target, char *text);

/*
 * Whether one of the targets contains the address. Those whose prefix is
 * shorter than least_bits do not count.
 */
bool target_list_contains(const struct target_list *list,
    const union address *address, unsigned least_bits);

/* Frees what is in it. */
void target_list_finish(struct target_list *list);

#endif
