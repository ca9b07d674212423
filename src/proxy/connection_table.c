#include "proxy/connection_table.h"

#include <errno.h>
#include <string.h>

#include "base/deadline.h"
#include "base/must.h"
#include "proxy/accounts.h"

void
roster_init(struct roster *roster)
{
	memset(roster, 0, sizeof(*roster));
	must(pthread_mutex_init(&roster->lock, NULL));
	roster->ends.older = roster->ends.newer = &roster->ends;
}

/* With the lock, as all that follows. */
static void
insert(struct roster_entry *entry, struct roster_entry *newer)
{
	entry->newer = newer;
	entry->older = newer->older;
	entry->older->newer = entry;
	newer->older = entry;
}

static void
take_out(struct roster_entry *entry)
{
	entry->older->newer = entry->newer;
	entry->newer->older = entry->older;
}

static uint64_t
bytes_of(const struct roster_entry *entry, enum relay_side side)
{
	return entry->relay ? atomic_load_explicit(&entry->relay->bytes[side],
				  memory_order_relaxed)
			    : 0;
}

/* Each byte once, however often this is done. */
static void
credit(struct roster_entry *entry)
{
	uint64_t sent = bytes_of(entry, RELAY_DOWNSTREAM);
	uint64_t received = bytes_of(entry, RELAY_UPSTREAM);

	atomic_fetch_add(
	    &entry->account->sent, sent - entry->credited[RELAY_DOWNSTREAM]);
	atomic_fetch_add(&entry->account->received,
	    received - entry->credited[RELAY_UPSTREAM]);
	entry->credited[RELAY_DOWNSTREAM] = sent;
	entry->credited[RELAY_UPSTREAM] = received;
}

static void
copy_known(struct roster_entry *entry, const struct connection *connection)
{
	entry->account = connection->account;
	entry->peer = connection->peer;
	entry->source = connection->source;
	entry->source_used = connection->source_used;
	entry->destination = connection->destination;
}

void
roster_enter(struct roster *roster, struct roster_entry *entry,
    struct connection *connection)
{
	memset(entry, 0, sizeof(*entry));
	entry->roster = roster;
	entry->number = connection->number;
	entry->began = deadline_now();
	connection->entry = entry;
	connection->account = &connection->accounts->nobody;
	copy_known(entry, connection);
	must(pthread_mutex_lock(&roster->lock));
	insert(entry, &roster->ends);
	must(pthread_mutex_unlock(&roster->lock));
}

int
roster_admit(
    struct connection *connection, struct account *account, size_t limit)
{
	struct roster_entry *entry = connection->entry;

	connection->account = account;
	if (!account_enter(account, limit))
		return -EDQUOT;
	must(pthread_mutex_lock(&entry->roster->lock));
	entry->has_place = true;
	copy_known(entry, connection);
	must(pthread_mutex_unlock(&entry->roster->lock));
	return 0;
}

void
roster_establish(struct connection *connection, const struct relay *relay)
{
	struct roster_entry *entry = connection->entry;

	atomic_fetch_add(&connection->account->established, 1);
	must(pthread_mutex_lock(&entry->roster->lock));
	entry->relay = relay;
	copy_known(entry, connection);
	must(pthread_mutex_unlock(&entry->roster->lock));
}

void
roster_leave(struct connection *connection)
{
	struct roster_entry *entry = connection->entry;

	must(pthread_mutex_lock(&entry->roster->lock));
	credit(entry);
	take_out(entry);
	must(pthread_mutex_unlock(&entry->roster->lock));
	if (entry->has_place)
		account_leave(entry->account);
	connection->entry = NULL;
}

static void
look_at(const struct roster_entry *entry, struct roster_sight *sight)
{
	const struct relay *relay = entry->relay;
	int64_t now = deadline_now(), moved_at = 0;

	memset(sight, 0, sizeof(*sight));
	sight->connection.number = entry->number;
	sight->connection.account = entry->account;
	sight->connection.peer = entry->peer;
	sight->connection.source = entry->source;
	sight->connection.source_used = entry->source_used;
	sight->connection.destination = entry->destination;
	sight->is_established = relay != NULL;
	for (int side = 0; side < 2 && relay; side++) {
		sight->bytes[side] = entry->credited[side];
		sight->finished[side] = atomic_load(&relay->finished[side]);
		moved_at = atomic_load(&relay->moved_at);
	}
	sight->age_ms = now - entry->began;
	sight->idle_ms = now - (moved_at ? moved_at : entry->began);
}

void
roster_begin(struct roster *roster, struct roster_entry *marker)
{
	memset(marker, 0, sizeof(*marker));
	marker->roster = roster;
	must(pthread_mutex_lock(&roster->lock));
	insert(marker, &roster->ends);
	must(pthread_mutex_unlock(&roster->lock));
}

bool
roster_next(struct roster_entry *marker, struct roster_sight *sight)
{
	struct roster *roster = marker->roster;
	struct roster_entry *entry;
	bool is_one;

	must(pthread_mutex_lock(&roster->lock));
	entry = marker->older;
	is_one = entry != &roster->ends;
	take_out(marker);
	if (is_one) {
		insert(marker, entry);
		credit(entry);
		look_at(entry, sight);
	}
	must(pthread_mutex_unlock(&roster->lock));
	return is_one;
}
