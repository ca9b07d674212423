#ifndef PROXY_ACCOUNTS_H
#define PROXY_ACCOUNTS_H

/*
 * Counts of each user's connections, bytes and refusals, now and since the
 * start. The key of an account is the user's name, or the auth of a user
 * without a name. Accounts are never freed: a user who is removed from the
 * configuration and added again gets the same account. So there are as many
 * accounts as users were ever configured. Any thread may call these functions
 * and read the counts.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "config/acl.h"
#include "proxy/refusal.h"

/*
 * The account of connections whose user is not known yet, or if there is no
 * ACL.
 */
#define ACCOUNT_NOBODY "-"

struct account {
	/* These never change. */
	char name[ACL_NAME_MAX_LEN + 1]; /* "": none */
	struct digest auth;              /* of a user without a name */
	bool is_nobody;
	atomic_size_t position;       /* in the ACL */
	atomic_size_t live;           /* connections that count for the limit */
	_Atomic uint64_t established; /* since the start */
	_Atomic uint64_t sent, received; /* by the user, in bytes */
	_Atomic uint64_t refused[REFUSAL_COUNT];
	_Atomic int64_t seen_at; /* seconds since 1970; 0: never */
	/* Of accounts_sample(): bytes a second, and the counts it saw last. */
	_Atomic uint64_t sent_rate, received_rate;
	uint64_t sampled_sent, sampled_received;
	uint64_t generation; /* of the last ACL that had the user */
	/*
	 * One for each kind: another user's noise must not hide this one's
	 * refusals.
	 */
	struct log_limit limits[REFUSAL_COUNT];
	struct account *next;
};

struct accounts {
	pthread_mutex_t lock; /* for the list and the indexes */
	struct account *first, **end;
	struct digest_index by_name, by_auth; /* of users without a name */
	uint64_t generation;                  /* of accounts_use() */
	struct account nobody;                /* the first of the list */
};

void accounts_init(struct accounts *accounts);

/* Finds or creates the user's account. NULL: no memory. */
struct account *accounts_open(struct accounts *accounts, const struct acl *acl,
    const struct acl_user *user);

/*
 * The same for a user of another process, by the name or the digest. A new
 * account is that of a user who is not in the ACL.
 */
struct account *accounts_restore(
    struct accounts *accounts, const struct acl_user *user);

/*
 * Makes this ACL the current one: creates accounts of its users, and renews the
 * positions of all accounts. Only one thread at a time may call this.
 */
void accounts_use(struct accounts *accounts, const struct acl *acl);

/* Walks the accounts in the order of their creation; begin with NULL. */
struct account *accounts_next(
    struct accounts *accounts, const struct account *account);

/*
 * The user as logs show it: the name, or the position in the ACL such as
 * "acl[0]", or "acl[-]" for a user without a name who was removed. Returns
 * text.
 */
#define ACCOUNT_STRLEN (ACL_NAME_MAX_LEN + 1)
const char *account_format(
    const struct account *account, char text[ACCOUNT_STRLEN]);

/*
 * Counts one more live connection, or returns false if the limit is reached. 0:
 * no limit. A lower limit does not end connections that are there.
 */
bool account_enter(struct account *account, size_t limit);
void account_leave(struct account *account);

/*
 * Computes the rates of all from what has moved in the time since the last call.
 * Only one thread at a time calls this.
 */
void accounts_sample(struct accounts *accounts, int64_t elapsed_ms);

void account_refuse(struct account *account, enum refusal refusal);

#endif
