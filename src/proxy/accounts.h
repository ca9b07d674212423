#ifndef PROXY_ACCOUNTS_H
#define PROXY_ACCOUNTS_H

/*
 * What each user has, and has had since the start. An account is known by the
 * user's name, or by the auth of one who has none, and outlives all
 * configurations: who is taken out of one and comes back finds their own again.
 * There are so many as users have ever been configured. Any thread may call
 * these functions and read the counts.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "config/acl.h"
#include "proxy/refusal.h"

/* Whose connections nobody accounts for: not known yet, or there is no ACL. */
#define ACCOUNT_NOBODY "-"

struct account {
	char name[ACL_NAME_MAX_LEN + 1]; /* "": none; never changes */
	atomic_size_t position;       /* in the ACL, of who has no name, too */
	atomic_size_t live;           /* places taken, of its limit */
	_Atomic uint64_t established; /* since the start */
	_Atomic uint64_t sent, received; /* by the user, in bytes */
	_Atomic uint64_t refused[REFUSAL_COUNT];
	uint64_t generation; /* of the ACL that last had the user */
	/* Of what the log says of each: nobody's garbage hides a user's. */
	struct log_limit limits[REFUSAL_COUNT];
	struct account *next;
};

struct accounts {
	pthread_mutex_t lock; /* for the list and what finds in it */
	struct account *first, **end;
	struct digest_index by_name, by_auth; /* of who has no name */
	uint64_t generation;                  /* of accounts_use() */
	struct account nobody;                /* in front of the list */
};

void accounts_init(struct accounts *accounts);

/* That user's, a new one if need be; NULL if there is no memory. */
struct account *accounts_open(struct accounts *accounts, const struct acl *acl,
    const struct acl_user *user);

/*
 * By this ACL from now on: all of its users have one then. Only one thread at a
 * time calls this.
 */
void accounts_use(struct accounts *accounts, const struct acl *acl);

/* In the order in which they were opened; the first follows NULL. */
struct account *accounts_next(
    struct accounts *accounts, const struct account *account);

/*
 * As logs call the user: by name, by the position in the ACL, such as "acl[0]",
 * or "acl[-]" if a user without a name is not there any more. Returns text.
 */
#define ACCOUNT_STRLEN (ACL_NAME_MAX_LEN + 1)
const char *account_format(
    const struct account *account, char text[ACCOUNT_STRLEN]);

/*
 * Takes a place, or returns false if there are that many taken or more. A limit
 * of 0 is none. Those who are there when it is lowered may stay.
 */
bool account_enter(struct account *account, size_t limit);
void account_leave(struct account *account);

void account_refuse(struct account *account, enum refusal refusal);

#endif
