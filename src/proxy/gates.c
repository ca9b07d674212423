#include "proxy/gates.h"

#include <string.h>
#include <time.h>

#include "base/must.h"

void
gates_init(struct gates *gates)
{
	memset(gates, 0, sizeof(*gates));
	must(pthread_mutex_init(&gates->lock, NULL));
}

/* A new gate replaces the oldest one if the list is full. */
static size_t
find(struct gates *gates, const union address *address)
{
	size_t i = 0;

	while (i < gates->count &&
	    !address_equal(&gates->list[i].address, address))
		i++;
	if (i < gates->count)
		return i;
	if (gates->count < GATES_MAX)
		gates->count++;
	i = gates->count - 1;
	gates->list[i] = (struct gate){ .address = *address };
	return i;
}

void
gates_note(struct gates *gates, const union address *peer)
{
	union address address = *peer;
	struct gate gate;
	size_t i;

	address_set_port(&address, 0);
	must(pthread_mutex_lock(&gates->lock));
	i = find(gates, &address);
	gate = gates->list[i];
	gate.requests++;
	gate.last_at = time(NULL);
	memmove(gates->list + 1, gates->list, i * sizeof(gate));
	gates->list[0] = gate;
	must(pthread_mutex_unlock(&gates->lock));
}

size_t
gates_copy(struct gates *gates, struct gate copies[GATES_MAX])
{
	size_t count;

	must(pthread_mutex_lock(&gates->lock));
	count = gates->count;
	memcpy(copies, gates->list, count * sizeof(*copies));
	must(pthread_mutex_unlock(&gates->lock));
	return count;
}
