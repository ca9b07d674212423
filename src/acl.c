#include "acl.h"

#include <stdlib.h>
#include <string.h>

void
acl_finish(struct acl *acl)
{
	for (size_t i = 0; i < acl->user_count; i++) {
		free(acl->users[i].sources);
	}
	free(acl->users);
	acl->users = NULL;
	acl->user_count = 0;
}

const struct acl_user *
acl_find(const struct acl *acl, const uint8_t *auth, size_t auth_len)
{
	const struct acl_user *found = NULL;
	struct digest given;

	if (auth_len != sizeof(given.bytes))
		return NULL;
	memcpy(given.bytes, auth, auth_len);
	for (size_t i = 0; i < acl->user_count; i++) {
		if (digest_equal(&acl->users[i].digest, &given))
			found = &acl->users[i];
	}
	return found;
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
