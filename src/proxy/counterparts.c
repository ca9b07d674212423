#include "proxy/counterparts.h"

#include <string.h>
#include <time.h>

#include "base/must.h"

void
counterparts_init(struct counterparts *list)
{
	memset(list, 0, sizeof(*list));
	must(pthread_mutex_init(&list->lock, NULL));
}

/* A new address replaces the oldest one if the list is full. */
static size_t
find(struct counterparts *list, const union address *address)
{
	size_t i = 0;

	while (
	    i < list->count && !address_equal(&list->items[i].address, address))
		i++;
	if (i < list->count)
		return i;
	if (list->count < COUNTERPARTS_MAX)
		list->count++;
	i = list->count - 1;
	list->items[i] = (struct counterpart){ .address = *address };
	return i;
}

void
counterparts_note(struct counterparts *list, const union address *address)
{
	struct counterpart found;
	size_t i;

	must(pthread_mutex_lock(&list->lock));
	i = find(list, address);
	found = list->items[i];
	found.requests++;
	found.last_at = time(NULL);
	memmove(list->items + 1, list->items, i * sizeof(found));
	list->items[0] = found;
	must(pthread_mutex_unlock(&list->lock));
}

size_t
counterparts_copy(
    struct counterparts *list, struct counterpart copies[COUNTERPARTS_MAX])
{
	size_t count;

	must(pthread_mutex_lock(&list->lock));
	count = list->count;
	memcpy(copies, list->items, count * sizeof(*copies));
	must(pthread_mutex_unlock(&list->lock));
	return count;
}
