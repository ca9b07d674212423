#ifndef PREFIX_LIST_H
#define PREFIX_LIST_H

/* Prefixes of both families, none of which is within another. */

#include "prefix.h"

struct prefix_list {
	struct prefix *items;
	size_t count;
};

/*
 * Does nothing if the list has it already; else takes out what is within it.
 * Returns 0, or -ENOMEM and the list is as it was.
 */
int prefix_list_add(struct prefix_list *list, const struct prefix *prefix);
bool prefix_list_has_family(const struct prefix_list *list, int family);

/* Frees what is in it. */
void prefix_list_finish(struct prefix_list *list);

#endif
