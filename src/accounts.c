#include "accounts.h"

#include <stdlib.h>
#include <string.h>

#include "must.h"

void
accounts_init(struct accounts *accounts)
{
	memset(accounts, 0, sizeof(*accounts));
	must(pthread_mutex_init(&accounts->lock, NULL));
	accounts->nobody.name = ACCOUNT_NOBODY;
	accounts->first = &accounts->nobody;
	accounts->end = &accounts->nobody.next;
}

/* With the lock. */
static struct account *
add(struct accounts *accounts, const char *name)
{
	struct account *account = calloc(1, sizeof(*account));
	char *copy = strdup(name);

	if (!account || !copy) {
		free(account);
		free(copy);
		return NULL;
	}
	account->name = copy;
	*accounts->end = account;
	accounts->end = &account->next;
	return account;
}

struct account *
accounts_open(struct accounts *accounts, const char *name)
{
	struct account *account;

	must(pthread_mutex_lock(&accounts->lock));
	account = accounts->first;
	while (account && strcmp(account->name, name) != 0)
		account = account->next;
	if (!account)
		account = add(accounts, name);
	must(pthread_mutex_unlock(&accounts->lock));
	return account;
}

struct account *
accounts_next(struct accounts *accounts, const struct account *account)
{
	struct account *next;

	must(pthread_mutex_lock(&accounts->lock));
	next = account ? account->next : accounts->first;
	must(pthread_mutex_unlock(&accounts->lock));
	return next;
}

bool
account_enter(struct account *account, size_t limit)
{
	size_t live = atomic_load(&account->live);

	/* Never above it, not even for a moment: that would keep others out. */
	do {
		if (limit > 0 && live >= limit)
			return false;
	} while (
	    !atomic_compare_exchange_weak(&account->live, &live, live + 1));
	return true;
}

void
account_leave(struct account *account)
{
	atomic_fetch_sub(&account->live, 1);
}

void
account_refuse(struct account *account, enum refusal refusal)
{
	atomic_fetch_add(&account->refused[refusal], 1);
}
