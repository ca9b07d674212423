#include "config/acl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/special_purpose.h"

void
acl_finish(struct acl *acl)
{
	for (size_t i = 0; i < acl->user_count; i++) {
		prefix_list_finish(&acl->users[i].sources);
		target_list_finish(&acl->users[i].allowed);
		target_list_finish(&acl->users[i].denied);
	}
	free(acl->users);
	for (struct acl_key *key = acl->keys, *older; key; key = older) {
		older = key->older;
		explicit_bzero(&key->key, sizeof(key->key));
		free(key);
	}
	digest_index_finish(&acl->by_auth);
	digest_index_finish(&acl->by_hint);
	target_list_finish(&acl->denied);
	acl->users = NULL;
	acl->keys = NULL;
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

/* As the index has it. */
static struct digest
pad_hint(const uint8_t hint[PROTOCOL_HINT_LEN])
{
	struct digest padded = { { 0 } };

	memcpy(padded.bytes, hint, PROTOCOL_HINT_LEN);
	return padded;
}

int
acl_add_key(struct acl *acl, const struct protocol_key *protocol_key,
    const struct acl_user *user)
{
	struct digest hint = pad_hint(protocol_key->hint);
	struct acl_key *first = digest_index_find(&acl->by_hint, &hint);
	struct acl_key *key = malloc(sizeof(*key));

	if (!key || (!first && digest_index_add(&acl->by_hint, &hint, key))) {
		free(key);
		return -ENOMEM;
	}
	*key = (struct acl_key){
		.key = protocol_key->key,
		.user = user,
		.next = first ? first->next : NULL,
		.older = acl->keys,
	};
	acl->keys = key;
	if (first)
		first->next = key;
	return 0;
}

const struct acl_key *
acl_find_keys(const struct acl *acl, const uint8_t hint[PROTOCOL_HINT_LEN])
{
	static const struct acl_key nobody = { .user = NULL };
	struct digest padded = pad_hint(hint);
	const struct acl_key *first = digest_index_find(&acl->by_hint, &padded);

	return first ? first : &nobody;
}

bool
acl_user_permits(const struct acl_user *user, const union address *source)
{
	return user->sources.count == 0 ||
	    prefix_list_contains(&user->sources, source);
}

bool
acl_user_names(const struct acl_user *user, const union address *source)
{
	for (size_t i = 0; i < user->sources.count; i++) {
		if (prefix_is_single(&user->sources.items[i]) &&
		    prefix_contains(&user->sources.items[i], source))
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

bool
acl_knows_family(const struct acl *acl, sa_family_t family)
{
	for (size_t i = 0; i < acl->user_count; i++) {
		const struct prefix_list *sources = &acl->users[i].sources;

		if (sources->count == 0 ||
		    prefix_list_has_family(sources, family))
			return true;
	}
	return acl->user_count == 0;
}

bool
acl_permits_any_source(const struct acl *acl)
{
	for (size_t i = 0; i < acl->user_count; i++) {
		if (acl->users[i].sources.count == 0)
			return true;
	}
	return acl->user_count == 0;
}
