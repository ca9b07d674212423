#include "config/acl.h"

#include <stdlib.h>
#include <string.h>

#include "config/special_purpose.h"

void
acl_finish(struct acl *acl)
{
	for (size_t i = 0; i < acl->user_count; i++) {
		free(acl->users[i].sources);
		free(acl->users[i].destinations);
	}
	free(acl->users);
	digest_index_finish(&acl->by_auth);
	acl->users = NULL;
	acl->user_count = 0;
}

const struct acl_user *
acl_find(const struct acl *acl, const uint8_t *auth, size_t auth_len)
{
	struct digest given;

	if (auth_len != sizeof(given.bytes))
		return NULL;
	memcpy(given.bytes, auth, auth_len);
	return digest_index_find(&acl->by_auth, &given);
}

bool
acl_user_permits(const struct acl_user *user, const union address *source)
{
	for (size_t i = 0; i < user->source_count; i++) {
		if (prefix_contains(&user->sources[i], source))
			return true;
	}
	return user->source_count == 0;
}

bool
acl_user_names(const struct acl_user *user, const union address *source)
{
	for (size_t i = 0; i < user->source_count; i++) {
		if (prefix_is_single(&user->sources[i]) &&
		    prefix_contains(&user->sources[i], source))
			return true;
	}
	return false;
}

/* Prefixes that are wider than wanted do not count. */
static bool
has_destination(const struct acl_user *user, const union address *destination,
    unsigned least_bits)
{
	for (size_t i = 0; i < user->destination_count; i++) {
		const struct prefix *prefix = &user->destinations[i];

		if (prefix->bit_count >= least_bits &&
		    prefix_contains(prefix, destination))
			return true;
	}
	return false;
}

const char *
acl_refuse_destination(
    const struct acl_user *user, const union address *destination)
{
	unsigned least_bits = 0;
	const char *special = special_purpose_find(destination, &least_bits);

	if (!special && (!user || !user->is_confined))
		return NULL;
	if (user && has_destination(user, destination, least_bits))
		return NULL;
	return special ? special
		       : "this destination is not among the user's "
			 "allowed_dst_ips";
}

static bool
user_knows_family(const struct acl_user *user, sa_family_t family)
{
	for (size_t i = 0; i < user->source_count; i++) {
		if (user->sources[i].base.any.sa_family == family)
			return true;
	}
	return user->source_count == 0;
}

bool
acl_knows_family(const struct acl *acl, sa_family_t family)
{
	for (size_t i = 0; i < acl->user_count; i++) {
		if (user_knows_family(&acl->users[i], family))
			return true;
	}
	return acl->user_count == 0;
}

bool
acl_permits_any_source(const struct acl *acl)
{
	for (size_t i = 0; i < acl->user_count; i++) {
		if (acl->users[i].source_count == 0)
			return true;
	}
	return acl->user_count == 0;
}
