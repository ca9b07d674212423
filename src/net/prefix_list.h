#ifndef NET_PREFIX_LIST_H
#define NET_PREFIX_LIST_H

/* Prefixes of both families. */

#include "net/prefix.h"

struct prefix_list {
	struct prefix *items;
	size_t count, room;
};

/* At the end. Returns 0, or -ENOMEM and the list is as it was. */
int prefix_list_add(struct prefix_list *list, const struct prefix *prefix);

/*
 * Takes out each that is within another one; of equal ones the first stays. The
 * others keep their order. Returns 0, or -ENOMEM and the list is as it was.
 */
int prefix_list_reduce(struct prefix_list *list);

/* Takes out all of that family. */
void prefix_list_remove_family(struct prefix_list *list, int family);

bool prefix_list_has_family(const struct prefix_list *list, int family);

/* Frees what is in it. */
void prefix_list_finish(struct prefix_list *list);

#endif
