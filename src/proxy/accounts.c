#include "proxy/accounts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/must.h"

/* The position of a user who is not in the ACL any more. */
#define GONE SIZE_MAX

void
accounts_init(struct accounts *accounts)
{
	memset(accounts, 0, sizeof(*accounts));
	must(pthread_mutex_init(&accounts->lock, NULL));
	strcpy(accounts->nobody.name, ACCOUNT_NOBODY);
	accounts->nobody.is_nobody = true;
	accounts->first = &accounts->nobody;
	accounts->end = &accounts->nobody.next;
}

/*
 * With the lock. Returns the index that has the user, and its key in *digest.
 */
static struct digest_index *
index_of(struct accounts *accounts, const struct acl_user *user,
    struct digest *digest)
{
	if (!user->is_named) {
		*digest = user->digest;
		return &accounts->by_auth;
	}
	digest_compute(user->name, strlen(user->name), digest);
	return &accounts->by_name;
}

/* With the lock. */
static struct account *
add(struct accounts *accounts, size_t position, const struct acl_user *user,
    struct digest_index *index, const struct digest *digest)
{
	struct account *account = calloc(1, sizeof(*account));

	if (!account || digest_index_add(index, digest, account)) {
		free(account);
		return NULL;
	}
	if (user->is_named)
		strcpy(account->name, user->name);
	else
		account->auth = user->digest;
	account->position = position;
	*accounts->end = account;
	accounts->end = &account->next;
	return account;
}

static struct account *
open_at(struct accounts *accounts, size_t position, const struct acl_user *user)
{
	struct digest_index *index;
	struct account *account;
	struct digest digest;

	must(pthread_mutex_lock(&accounts->lock));
	index = index_of(accounts, user, &digest);
	account = digest_index_find(index, &digest);
	if (!account)
		account = add(accounts, position, user, index, &digest);
	must(pthread_mutex_unlock(&accounts->lock));
	return account;
}

struct account *
accounts_open(struct accounts *accounts, const struct acl *acl,
    const struct acl_user *user)
{
	return open_at(accounts, (size_t)(user - acl->users), user);
}

struct account *
accounts_restore(struct accounts *accounts, const struct acl_user *user)
{
	return open_at(accounts, GONE, user);
}

void
accounts_use(struct accounts *accounts, const struct acl *acl)
{
	struct account *account = NULL;

	accounts->generation++;
	for (size_t i = 0; i < acl->user_count; i++) {
		account = accounts_open(accounts, acl, &acl->users[i]);
		if (!account)
			continue;
		account->generation = accounts->generation;
		atomic_store(&account->position, i);
	}
	account = NULL;
	while ((account = accounts_next(accounts, account))) {
		if (account->generation != accounts->generation)
			atomic_store(&account->position, GONE);
	}
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

const char *
account_format(const struct account *account, char text[ACCOUNT_STRLEN])
{
	size_t position = atomic_load(&account->position);

	if (*account->name)
		strcpy(text, account->name);
	else if (position == GONE)
		strcpy(text, "acl[-]");
	else
		snprintf(text, ACCOUNT_STRLEN, "acl[%zu]", position);
	return text;
}

bool
account_enter(struct account *account, size_t limit)
{
	size_t live = atomic_load(&account->live);

	atomic_store(&account->seen_at, time(NULL));
	/*
	 * Never exceed the limit, not even for a moment: it would refuse
	 * others.
	 */
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
	atomic_store(&account->seen_at, time(NULL));
	atomic_fetch_sub(&account->live, 1);
}

/* Bytes a second, rounded. */
static uint64_t
rate_of(uint64_t bytes, uint64_t *sampled, uint64_t elapsed_ms)
{
	uint64_t moved = bytes - *sampled;

	*sampled = bytes;
	return (moved * 1000 + elapsed_ms / 2) / elapsed_ms;
}

void
accounts_sample(struct accounts *accounts, int64_t elapsed_ms)
{
	struct account *account = NULL;
	uint64_t elapsed = elapsed_ms > 0 ? (uint64_t)elapsed_ms : 1;

	while ((account = accounts_next(accounts, account))) {
		atomic_store(&account->sent_rate,
		    rate_of(atomic_load(&account->sent), &account->sampled_sent,
			elapsed));
		atomic_store(&account->received_rate,
		    rate_of(atomic_load(&account->received),
			&account->sampled_received, elapsed));
	}
}

void
account_refuse(struct account *account, enum refusal refusal)
{
	atomic_store(&account->seen_at, time(NULL));
	atomic_fetch_add(&account->refused[refusal], 1);
}
