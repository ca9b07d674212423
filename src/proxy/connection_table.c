#include "proxy/connection_table.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/deadline.h"
#include "base/must.h"
#include "proxy/accounts.h"

void
connection_table_init(struct connection_table *table)
{
	memset(table, 0, sizeof(*table));
	must(pthread_mutex_init(&table->lock, NULL));
	table->ends.older = table->ends.newer = &table->ends;
}

/* With the lock, like the helpers below. */
static void
insert(
    struct connection_table_entry *entry, struct connection_table_entry *newer)
{
	entry->newer = newer;
	entry->older = newer->older;
	entry->older->newer = entry;
	newer->older = entry;
}

static void
take_out(struct connection_table_entry *entry)
{
	entry->older->newer = entry->newer;
	entry->newer->older = entry->older;
}

/* An entry that stands for a walk: connection_table_begin(). */
static bool
is_marker(const struct connection_table_entry *entry)
{
	return entry->facts.account == NULL;
}

static uint64_t
bytes_of(const struct connection_table_entry *entry, enum relay_side side)
{
	return entry->relay ? atomic_load_explicit(&entry->relay->bytes[side],
				  memory_order_relaxed)
			    : 0;
}

/*
 * Adds the new bytes to the account: each byte once, however often it is
 * called.
 */
static void
credit(struct connection_table_entry *entry)
{
	uint64_t sent = bytes_of(entry, RELAY_DOWNSTREAM);
	uint64_t received = bytes_of(entry, RELAY_UPSTREAM);

	atomic_fetch_add(&entry->facts.account->sent,
	    sent - entry->credited[RELAY_DOWNSTREAM]);
	atomic_fetch_add(&entry->facts.account->received,
	    received - entry->credited[RELAY_UPSTREAM]);
	if (received > entry->credited[RELAY_UPSTREAM])
		atomic_store(&entry->table->received_at, time(NULL));
	entry->credited[RELAY_DOWNSTREAM] = sent;
	entry->credited[RELAY_UPSTREAM] = received;
}

void
connection_table_enter(
    struct connection_table_entry *entry, struct connection *connection)
{
	const struct service *service = connection->service;
	struct connection_table *table = service->table;

	memset(entry, 0, sizeof(*entry));
	entry->table = table;
	entry->began = deadline_now();
	connection->entry = entry;
	connection->facts.account = &service->accounts->nobody;
	entry->facts = connection->facts;
	must(pthread_mutex_lock(&table->lock));
	insert(entry, &table->ends);
	must(pthread_mutex_unlock(&table->lock));
}

int
connection_table_admit(
    struct connection *connection, struct account *account, size_t limit)
{
	struct connection_table_entry *entry = connection->entry;

	connection->facts.account = account;
	if (!account_enter(account, limit))
		return -EDQUOT;
	must(pthread_mutex_lock(&entry->table->lock));
	entry->has_place = true;
	entry->facts = connection->facts;
	must(pthread_mutex_unlock(&entry->table->lock));
	return 0;
}

void
connection_table_restore(struct connection *connection, struct relay *relay,
    int64_t began, bool is_counted)
{
	struct connection_table_entry *entry = connection->entry;

	if (!is_counted && !relay->answer.is_awaited)
		atomic_fetch_add(&connection->facts.account->established, 1);
	must(pthread_mutex_lock(&entry->table->lock));
	entry->relay = relay;
	entry->began = began;
	entry->facts = connection->facts;
	for (int side = 0; side < 2 && is_counted; side++)
		entry->credited[side] = bytes_of(entry, side);
	must(pthread_mutex_unlock(&entry->table->lock));
}

void
connection_table_establish(struct connection *connection, struct relay *relay)
{
	connection_table_restore(
	    connection, relay, connection->entry->began, false);
}

size_t
connection_table_stop(struct connection_table *table, int64_t quiet_ms)
{
	/* All of them: a relay may move after a look at the clock. */
	int64_t since = quiet_ms > 0 ? deadline_now() - quiet_ms : INT64_MAX;
	struct connection_table_entry *entry;
	size_t moving = 0;

	must(pthread_mutex_lock(&table->lock));
	for (entry = table->ends.older; entry != &table->ends;
	     entry = entry->older) {
		if (entry->relay && !entry->is_listed &&
		    atomic_load(&entry->relay->moved_at) <= since)
			moving += !relay_stop(entry->relay);
	}
	must(pthread_mutex_unlock(&table->lock));
	return moving;
}

size_t
connection_table_pending(struct connection_table *table)
{
	struct connection_table_entry *entry;
	size_t count = 0;

	must(pthread_mutex_lock(&table->lock));
	for (entry = table->ends.older; entry != &table->ends;
	     entry = entry->older)
		count += !entry->relay && !is_marker(entry);
	must(pthread_mutex_unlock(&table->lock));
	return count;
}

struct connection_table_entry **
connection_table_list_still(
    struct connection_table *table, struct connection_table_entry **end)
{
	struct connection_table_entry *entry;

	must(pthread_mutex_lock(&table->lock));
	for (entry = table->ends.older; entry != &table->ends;
	     entry = entry->older) {
		if (!entry->relay || entry->is_listed ||
		    !atomic_load(&entry->relay->is_still))
			continue;
		entry->is_listed = true;
		entry->next = NULL;
		*end = entry;
		end = &entry->next;
	}
	must(pthread_mutex_unlock(&table->lock));
	return end;
}

void
connection_table_leave(struct connection *connection)
{
	struct connection_table_entry *entry = connection->entry;

	must(pthread_mutex_lock(&entry->table->lock));
	credit(entry);
	take_out(entry);
	must(pthread_mutex_unlock(&entry->table->lock));
	if (entry->has_place)
		account_leave(entry->facts.account);
	connection->entry = NULL;
}

/* Its relay may move bytes meanwhile, so the time of now comes last. */
static void
look_at(const struct connection_table_entry *entry,
    struct connection_table_view *view)
{
	const struct relay *relay = entry->relay;
	int64_t now, moved_at = 0;

	memset(view, 0, sizeof(*view));
	view->facts = entry->facts;
	view->is_established = relay != NULL;
	for (int side = 0; side < 2 && relay; side++) {
		view->bytes[side] = entry->credited[side];
		view->finished[side] = atomic_load(&relay->finished[side]);
		moved_at = atomic_load(&relay->moved_at);
	}
	now = deadline_now();
	view->age_ms = now - entry->began;
	view->idle_ms = now - (moved_at ? moved_at : entry->began);
}

void
connection_table_begin(
    struct connection_table *table, struct connection_table_entry *marker)
{
	memset(marker, 0, sizeof(*marker));
	marker->table = table;
	must(pthread_mutex_lock(&table->lock));
	insert(marker, &table->ends);
	must(pthread_mutex_unlock(&table->lock));
}

bool
connection_table_next(
    struct connection_table_entry *marker, struct connection_table_view *view)
{
	struct connection_table *table = marker->table;
	struct connection_table_entry *entry;
	bool is_one;

	must(pthread_mutex_lock(&table->lock));
	entry = marker->older;
	while (entry != &table->ends && is_marker(entry))
		entry = entry->older;
	is_one = entry != &table->ends;
	take_out(marker);
	if (is_one) {
		insert(marker, entry);
		credit(entry);
		look_at(entry, view);
	}
	must(pthread_mutex_unlock(&table->lock));
	return is_one;
}

void
connection_table_credit(struct connection_table *table)
{
	struct connection_table_entry marker;
	struct connection_table_view view;

	connection_table_begin(table, &marker);
	while (connection_table_next(&marker, &view)) {
	}
}
