#include "prefix_list.h"

#include <errno.h>
#include <stdlib.h>

int
prefix_list_add(struct prefix_list *list, const struct prefix *prefix)
{
	struct prefix *items;
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (prefix_is_within(prefix, &list->items[i]))
			return 0;
	}
	items = realloc(list->items, (list->count + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < list->count; i++) {
		if (!prefix_is_within(&items[i], prefix))
			items[kept++] = items[i];
	}
	items[kept++] = *prefix;
	list->items = items;
	list->count = kept;
	return 0;
}

bool
prefix_list_has_family(const struct prefix_list *list, int family)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].base.any.sa_family == family)
			return true;
	}
	return false;
}

void
prefix_list_finish(struct prefix_list *list)
{
	free(list->items);
	*list = (struct prefix_list){ 0 };
}
