#ifndef NET_PREFIX_LIST_H
#define NET_PREFIX_LIST_H

/* Prefixes of both families. */

#include "net/prefix.h"

struct prefix_list {
	struct prefix *items;
	size_t count, room;
};

/* Adds it at the end. Returns 0, or -ENOMEM and the list is unchanged. */
int prefix_list_add(struct prefix_list *list, const struct prefix *prefix);

/*
 * Removes each prefix that lies within another one; of equal prefixes the first
 * one stays. The others keep their order. Returns 0, or -ENOMEM and the list is
 * unchanged.
 */
int prefix_list_reduce(struct prefix_list *list);

/* Removes all prefixes of this family. */
void prefix_list_remove_family(struct prefix_list *list, int family);

/* Walks the prefixes of this family; begin with NULL. */
const struct prefix *prefix_list_next(
    const struct prefix_list *list, int family, const struct prefix *previous);

bool prefix_list_has_family(const struct prefix_list *list, int family);

/* The address must be unmapped. */
bool prefix_list_contains(
    const struct prefix_list *list, const union address *address);

/* Frees the items. */
void prefix_list_finish(struct prefix_list *list);

#endif
