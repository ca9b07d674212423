#ifndef CONFIG_ACL_H
#define CONFIG_ACL_H

/*
 * The access control list: the users, their secrets, and the sources and
 * destinations that each may use. config.c builds it. All threads read it
 * afterwards, and none changes it.
 */

#include "base/digest_index.h"
#include "config/protocol_key.h"
#include "net/prefix_list.h"
#include "net/target.h"

#define ACL_NAME_MAX_LEN 64

struct acl_user {
	char name[ACL_NAME_MAX_LEN + 1]; /* for the log */
	bool is_named;                   /* false: the name is a position */
	struct digest digest;            /* of the first auth string */
	struct prefix_list sources;      /* empty: any source */
	struct target_list allowed;      /* not given: all but special ones */
	struct target_list denied;       /* wins over allowed */
	size_t max_connections;          /* 0: no limit */
};

/* A user's key for version 2 of the protocol. */
struct acl_key {
	struct hmac_key key;
	const struct acl_user *user;
	struct acl_key *next; /* with the same hint; NULL: none */
	struct acl_key *older;
};

struct acl {
	struct acl_user *users;
	size_t user_count; /* 0: the ACL is off */
	struct digest_index by_auth;
	struct digest_index by_hint; /* the first key of each hint */
	struct acl_key *keys;        /* all, the latest first */
	struct target_list denied; /* to everybody, also while the ACL is off */
};

/* Frees the contents. */
void acl_finish(struct acl *acl);

/*
 * Returns the user with that auth, or NULL. The time depends neither on the
 * number of users nor on how many bytes of the auth are right.
 */
const struct acl_user *acl_find(
    const struct acl *acl, const uint8_t *auth, size_t auth_len);

/* Adds a user's key. Returns 0 or -ENOMEM. */
int acl_add_key(struct acl *acl, const struct protocol_key *protocol_key,
    const struct acl_user *user);

/*
 * Returns the keys with that hint; if there are none, a key of nobody (user is
 * NULL), so that both take the same time.
 */
const struct acl_key *acl_find_keys(
    const struct acl *acl, const uint8_t hint[PROTOCOL_HINT_LEN]);

/* Whether any user may send from addresses of that family. */
bool acl_knows_family(const struct acl *acl, sa_family_t family);

/* Whether any user may send from all addresses. */
bool acl_permits_any_source(const struct acl *acl);

/* The address must be unmapped. Its port does not count. */
bool acl_user_permits(const struct acl_user *user, const union address *source);

/* Whether one of the prefixes is exactly that address. */
bool acl_user_names(const struct acl_user *user, const union address *source);

/*
 * Returns NULL if the user may go there, otherwise the rule that is against it.
 * user is NULL where the ACL is off. A special destination (special_purpose.h)
 * takes an entry that is no wider than the special block: 0.0.0.0/0 does not
 * open 127.0.0.0/8.
 */
const char *acl_refuse_destination(const struct acl *acl,
    const struct acl_user *user, const union address *destination);

#endif
