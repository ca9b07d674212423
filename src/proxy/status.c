#include "proxy/status.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/deadline.h"
#include "base/log.h"
#include "proxy/connection_log.h"

/* How long to wait in total for a slow reader of the log. */
#define PATIENCE_MS 2000

/* " no_source=18446744073709551615" */
#define REFUSED_STRLEN (REFUSAL_COUNT * 40)

static size_t
log_connections(struct connection_table *table, int64_t deadline)
{
	struct connection_table_entry marker;
	struct connection_table_view view;
	size_t count = 0;

	connection_table_begin(table, &marker);
	while (connection_table_next(&marker, &view)) {
		log_await(deadline);
		connection_log_shown(&view);
		count++;
	}
	return count;
}

/* Returns the sum of all kinds. */
static uint64_t
format_refused(const struct account *account, char *text)
{
	uint64_t total = 0;
	size_t len = 0;

	for (int i = 0; i < REFUSAL_COUNT; i++) {
		uint64_t count = atomic_load(&account->refused[i]);

		len += (size_t)snprintf(text + len, REFUSED_STRLEN - len,
		    " %s=%" PRIu64, refusal_name((enum refusal)i), count);
		total += count;
	}
	return total;
}

static void
log_account(const struct account *account)
{
	char refused[REFUSED_STRLEN], name[ACCOUNT_STRLEN];
	uint64_t total = format_refused(account, refused);

	log_answer("user user=%s connections=%zu established=%" PRIu64
		   " sent=%" PRIu64 " received=%" PRIu64 " refused=%" PRIu64
		   "%s",
	    account_format(account, name), atomic_load(&account->live),
	    atomic_load(&account->established), atomic_load(&account->sent),
	    atomic_load(&account->received), total, refused);
}

void
status_log_all(struct accounts *accounts, struct connection_table *table)
{
	int64_t deadline = deadline_after(PATIENCE_MS);
	/*
	 * Connections first: that brings the bytes of the accounts up to date.
	 */
	size_t connections = log_connections(table, deadline);
	const struct account *account = NULL;
	size_t count = 0;

	while ((account = accounts_next(accounts, account))) {
		log_await(deadline);
		log_account(account);
		count++;
	}
	log_await(deadline);
	log_answer("reported connections=%zu accounts=%zu", connections, count);
}

void
status_log_stopped(struct connection_table *table)
{
	int64_t deadline = deadline_after(PATIENCE_MS);
	struct connection_table_entry marker;
	struct connection_table_view view;

	connection_table_begin(table, &marker);
	while (connection_table_next(&marker, &view)) {
		log_await(deadline);
		connection_log_stopped(&view);
	}
}
