#include "config/acl.h"

#include <stdlib.h>
#include <string.h>

#include "config/special_purpose.h"

void
acl_finish(struct acl *acl)
{
	for (size_t i = 0; i < acl->user_count; i++) {
		free(acl->users[i].sources);
		target_list_finish(&acl->users[i].allowed);
		target_list_finish(&acl->users[i].denied);
	}
	free(acl->users);
	digest_index_finish(&acl->by_auth);
	target_list_finish(&acl->denied);
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

const char *
acl_refuse_destination(const struct acl *acl, const struct acl_user *user,
    const union address *destination)
{
	unsigned least_bits = 0;
	const char *special = special_purpose_find(destination, &least_bits);

	if (target_list_contains(&acl->denied, destination, 0))
		return "this destination is among denied_dst_ips";
	if (user && target_list_contains(&user->denied, destination, 0))
		return "this destination is among the user's denied_dst_ips";
	if (!special && (!user || !user->allowed.is_given))
		return NULL;
	if (user &&
	    target_list_contains(&user->allowed, destination, least_bits))
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
