#include "proxy/last_refusals.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/must.h"

void
last_refusals_init(struct last_refusals *refusals)
{
	memset(refusals, 0, sizeof(*refusals));
	must(pthread_mutex_init(&refusals->lock, NULL));
}

void
last_refusals_note(struct last_refusals *refusals,
    const struct connection *connection, const char *tried, const char *reason)
{
	struct last_refusal refusal = {
		.at = time(NULL),
		.number = connection->facts.number,
		.peer = connection->facts.peer,
		.source = connection->facts.source,
		.destination = connection->facts.destination,
	};

	account_format(connection->facts.account, refusal.user);
	snprintf(refusal.tried, sizeof(refusal.tried), "%s", tried);
	snprintf(refusal.reason, sizeof(refusal.reason), "%s", reason);
	must(pthread_mutex_lock(&refusals->lock));
	refusals->ring[refusals->count++ % LAST_REFUSALS_MAX] = refusal;
	must(pthread_mutex_unlock(&refusals->lock));
}

size_t
last_refusals_copy(struct last_refusals *refusals,
    struct last_refusal copies[LAST_REFUSALS_MAX])
{
	size_t count = 0;

	must(pthread_mutex_lock(&refusals->lock));
	for (uint64_t i = refusals->count; i > 0 && count < LAST_REFUSALS_MAX;
	     i--)
		copies[count++] = refusals->ring[(i - 1) % LAST_REFUSALS_MAX];
	must(pthread_mutex_unlock(&refusals->lock));
	return count;
}
