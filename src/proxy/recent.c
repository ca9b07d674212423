#include "proxy/recent.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/must.h"

void
recent_init(struct recent *recent)
{
	memset(recent, 0, sizeof(*recent));
	must(pthread_mutex_init(&recent->lock, NULL));
}

void
recent_note_refusal(struct recent *recent, const struct connection *connection,
    const char *tried, const char *reason)
{
	struct recent_refusal refusal = {
		.at = time(NULL),
		.number = connection->facts.number,
		.peer = connection->facts.peer,
		.source = connection->facts.source,
		.destination = connection->facts.destination,
	};

	account_format(connection->facts.account, refusal.user);
	snprintf(refusal.tried, sizeof(refusal.tried), "%s", tried);
	snprintf(refusal.reason, sizeof(refusal.reason), "%s", reason);
	must(pthread_mutex_lock(&recent->lock));
	recent->refusals[recent->refusal_count++ % RECENT_REFUSALS] = refusal;
	must(pthread_mutex_unlock(&recent->lock));
}

size_t
recent_copy_refusals(
    struct recent *recent, struct recent_refusal copies[RECENT_REFUSALS])
{
	size_t count = 0;

	must(pthread_mutex_lock(&recent->lock));
	for (uint64_t i = recent->refusal_count;
	     i > 0 && count < RECENT_REFUSALS; i--)
		copies[count++] = recent->refusals[(i - 1) % RECENT_REFUSALS];
	must(pthread_mutex_unlock(&recent->lock));
	return count;
}

/* With the lock. A new address replaces the oldest one if there is no room. */
static size_t
find_or_add(struct recent *recent, const union address *address)
{
	size_t i = 0;

	while (i < recent->counterpart_count &&
	    !address_equal(&recent->counterparts[i].address, address))
		i++;
	if (i < recent->counterpart_count)
		return i;
	if (recent->counterpart_count < RECENT_COUNTERPARTS)
		recent->counterpart_count++;
	i = recent->counterpart_count - 1;
	recent->counterparts[i] =
	    (struct recent_counterpart){ .address = *address };
	return i;
}

void
recent_note_counterpart(struct recent *recent, const union address *address)
{
	struct recent_counterpart found, *first = recent->counterparts;
	size_t i;

	must(pthread_mutex_lock(&recent->lock));
	i = find_or_add(recent, address);
	found = first[i];
	found.requests++;
	found.last_at = time(NULL);
	memmove(first + 1, first, i * sizeof(found));
	*first = found;
	must(pthread_mutex_unlock(&recent->lock));
}

size_t
recent_copy_counterparts(struct recent *recent,
    struct recent_counterpart copies[RECENT_COUNTERPARTS])
{
	size_t count;

	must(pthread_mutex_lock(&recent->lock));
	count = recent->counterpart_count;
	memcpy(copies, recent->counterparts, count * sizeof(*copies));
	must(pthread_mutex_unlock(&recent->lock));
	return count;
}
