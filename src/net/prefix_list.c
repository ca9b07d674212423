#include "net/prefix_list.h"

#include <errno.h>
#include <stdlib.h>

int
prefix_list_add(struct prefix_list *list, const struct prefix *prefix)
{
	size_t room = list->room ? list->room * 2 : 16;
	struct prefix *items = list->items;

	if (list->count == list->room) {
		items = realloc(items, room * sizeof(*items));
		if (!items)
			return -ENOMEM;
		list->items = items;
		list->room = room;
	}
	items[list->count++] = *prefix;
	return 0;
}

static int
compare_places(const void *a, const void *b)
{
	const struct prefix *const *x = a, *const *y = b;
	int order = prefix_compare(*x, *y);

	return order ? order : (*x > *y) - (*x < *y);
}

/* In sorted order, the prefixes within a prefix follow it directly. */
static void
mark_inner(
    const struct prefix_list *list, struct prefix **sorted, bool *is_inner)
{
	const struct prefix *outer = NULL;

	for (size_t i = 0; i < list->count; i++)
		sorted[i] = &list->items[i];
	qsort(sorted, list->count, sizeof(struct prefix *), compare_places);
	for (size_t i = 0; i < list->count; i++) {
		if (outer && prefix_is_within(sorted[i], outer))
			is_inner[sorted[i] - list->items] = true;
		else
			outer = sorted[i];
	}
}

int
prefix_list_reduce(struct prefix_list *list)
{
	struct prefix **sorted =
	    calloc(list->count + 1, sizeof(struct prefix *));
	bool *is_inner = calloc(list->count + 1, sizeof(*is_inner));
	bool is_memory = sorted && is_inner;
	size_t kept = 0;

	if (is_memory) {
		mark_inner(list, sorted, is_inner);
		for (size_t i = 0; i < list->count; i++) {
			if (!is_inner[i])
				list->items[kept++] = list->items[i];
		}
		list->count = kept;
	}
	free(sorted);
	free(is_inner);
	return is_memory ? 0 : -ENOMEM;
}

void
prefix_list_remove_family(struct prefix_list *list, int family)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].base.any.sa_family != family)
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

const struct prefix *
prefix_list_next(
    const struct prefix_list *list, int family, const struct prefix *previous)
{
	size_t i = previous ? (size_t)(previous - list->items) + 1 : 0;

	for (; i < list->count; i++) {
		if (list->items[i].base.any.sa_family == family)
			return &list->items[i];
	}
	return NULL;
}

bool
prefix_list_has_family(const struct prefix_list *list, int family)
{
	return prefix_list_next(list, family, NULL) != NULL;
}

bool
prefix_list_contains(
    const struct prefix_list *list, const union address *address)
{
	for (size_t i = 0; i < list->count; i++) {
		if (prefix_contains(&list->items[i], address))
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
