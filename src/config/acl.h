#ifndef CONFIG_ACL_H
#define CONFIG_ACL_H

/*
 * Who may send from which addresses, and where to. Plain data, built by
 * config.c, then read by all threads and changed by none.
 */

#include "base/digest_index.h"
#include "net/prefix.h"

#define ACL_NAME_MAX_LEN 64

struct acl_user {
	char name[ACL_NAME_MAX_LEN + 1]; /* for the log */
	bool is_named;                   /* false: that is only a position */
	struct digest digest;            /* of the auth string */
	struct prefix *sources;
	size_t source_count; /* 0: any source */
	struct prefix *destinations;
	size_t destination_count;
	bool is_confined; /* to destinations; false: all but special ones */
	size_t max_connections; /* 0: no limit */
};

struct acl {
	struct acl_user *users;
	size_t user_count; /* 0: the ACL is off */
	struct digest_index by_auth;
};

/* Frees what is in it. */
void acl_finish(struct acl *acl);

/*
 * The user with that auth, or NULL. How long that takes depends neither on the
 * number of users nor on how much of an auth is right.
 */
const struct acl_user *acl_find(
    const struct acl *acl, const uint8_t *auth, size_t auth_len);

/* Whether anybody at all may send from addresses of that family. */
bool acl_knows_family(const struct acl *acl, sa_family_t family);

/* Whether anybody at all may send from any address. */
bool acl_permits_any_source(const struct acl *acl);

/* The address must be unmapped; its port does not count. */
bool acl_user_permits(const struct acl_user *user, const union address *source);

/* Whether one of the prefixes is that address alone. */
bool acl_user_names(const struct acl_user *user, const union address *source);

/*
 * NULL if the user, or anybody where user is NULL because the ACL is off, may
 * go there; otherwise which rule is against it. Special destinations
 * (special.h) are for those only who have a prefix for them that is no wider
 * than the special block: 0.0.0.0/0 does not open 127.0.0.0/8.
 */
const char *acl_refuse_destination(
    const struct acl_user *user, const union address *destination);

#endif
