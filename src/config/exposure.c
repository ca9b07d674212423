#include "config/exposure.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/array.h"

#define SECRET_MIN_LEN 16

/* A prefix of a user: acl[user].allowed_src_ips[item]. */
struct claim {
	const struct prefix *prefix;
	size_t user, item;
};

static int
compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = prefix_compare(x->prefix, y->prefix);

	if (order != 0)
		return order;
	return (x->user > y->user) - (x->user < y->user);
}

/*
 * Returns the claims of all users, sorted: a prefix comes before all prefixes
 * within it. A prefix of length 0 has a warning of its own and is left out, or
 * it would overlap with all others.
 */
static struct claim *
list_claims(struct reader *reader, const struct acl *acl, size_t *count)
{
	struct claim *claims;
	size_t room = 1;

	*count = 0;
	for (size_t i = 0; i < acl->user_count; i++)
		room += acl->users[i].sources.count;
	claims = reader_allocate(reader, room, sizeof(*claims));
	for (size_t i = 0; claims && i < acl->user_count; i++) {
		const struct prefix_list *sources = &acl->users[i].sources;

		for (size_t j = 0; j < sources->count; j++) {
			const struct prefix *prefix = &sources->items[j];

			if (prefix->bit_count > 0)
				claims[(*count)++] =
				    (struct claim){ prefix, i, j };
		}
	}
	if (claims)
		qsort(claims, *count, sizeof(*claims), compare_claims);
	return claims;
}

static void
warn_of_overlap(struct reader *reader, const struct json5 *list,
    const struct acl *acl, const struct claim *inner, const struct claim *outer)
{
	char inside[PREFIX_STRLEN], around[PREFIX_STRLEN];
	const struct json5 *sources =
	    json5_member(json5_item(list, inner->user), "allowed_src_ips");

	reader_warn(reader, json5_item(sources, inner->item),
	    "%s of %s overlaps with %s of %s: both may send from the same "
	    "addresses; give each address to one user",
	    prefix_format(inner->prefix, inside), acl->users[inner->user].name,
	    prefix_format(outer->prefix, around), acl->users[outer->user].name);
}

/*
 * The stack holds the claims that contain the current one, the innermost on
 * top. A warning names the innermost claim of another user.
 */
static void
check_overlaps(
    struct reader *reader, const struct json5 *list, const struct acl *acl)
{
	size_t count, depth = 0;
	struct claim *claims = list_claims(reader, acl, &count);

	for (size_t i = 0; i < count; i++) {
		struct claim claim = claims[i];
		size_t outer;

		while (depth > 0 &&
		    !prefix_is_within(claim.prefix, claims[depth - 1].prefix))
			depth--;
		outer = depth;
		while (outer > 0 && claims[outer - 1].user == claim.user)
			outer--;
		if (outer > 0)
			warn_of_overlap(
			    reader, list, acl, &claim, &claims[outer - 1]);
		/* A user's duplicates stay off the stack, or a file full of
		 * them takes quadratic time. */
		if (depth == 0 || claims[depth - 1].user != claim.user ||
		    prefix_compare(claims[depth - 1].prefix, claim.prefix))
			claims[depth++] = claim;
	}
	free(claims);
}

/* auth is NULL if the object has none. */
static void
check_secret(
    struct reader *reader, const struct json5 *object, const struct json5 *auth)
{
	size_t len = 0;

	if (auth)
		json5_string(auth, &len);
	if (len == 0)
		reader_warn(reader, auth ? auth : object,
		    "the secret (auth) is blank, which anybody can guess; use "
		    "a long random one, for example from uuidgen");
	else if (len < SECRET_MIN_LEN)
		reader_warn(reader, auth,
		    "the secret is shorter than %d characters (%zu), so a "
		    "program can guess it; use a long random one, for example "
		    "from uuidgen",
		    SECRET_MIN_LEN, len);
}

static void
check_secrets(struct reader *reader, const struct json5 *object)
{
	const struct json5 *auth = json5_member(object, "auth");
	bool is_list = auth && json5_type(auth) == JSON5_ARRAY;

	if (!is_list)
		check_secret(reader, object, auth);
	for (size_t i = 0; is_list && i < json5_count(auth); i++)
		check_secret(reader, object, json5_item(auth, i));
}

/*
 * In addresses, or for IPv6 in networks of 64 bits: longer prefixes are none.
 * The prefix is not ::/0.
 */
static uint64_t
prefix_size(const struct prefix *prefix)
{
	unsigned most = prefix->base.any.sa_family == AF_INET ? 32 : 64;

	return prefix->bit_count > most
	    ? 0
	    : (uint64_t)1 << (most - prefix->bit_count);
}

/* The prefixes are sorted: one comes before the prefixes within it. */
static bool
together_cover(
    const struct prefix *prefixes, size_t count, const struct prefix *all)
{
	const struct prefix *outer = NULL;
	uint64_t left = prefix_size(all);

	for (size_t i = 0; i < count; i++) {
		if (prefix_is_within(all, &prefixes[i]))
			return true;
		if (!prefix_is_within(&prefixes[i], all) ||
		    (outer && prefix_is_within(&prefixes[i], outer)))
			continue;
		outer = &prefixes[i];
		left -= prefix_size(outer);
	}
	return left == 0;
}

/* Several prefixes may cover a family: 0.0.0.0/1 and 128.0.0.0/1. */
static bool
permits_any(struct reader *reader, const struct acl_user *user)
{
	/* All addresses of hosts are in 2000::/3: RFC 4291, section 2.4. */
	static const char *const texts[] = { "0.0.0.0/0", "2000::/3" };
	size_t count = user->sources.count;
	struct prefix *sorted =
	    reader_allocate(reader, count + 1, sizeof(*sorted));
	bool is_any = count == 0, is_masked;
	struct prefix all;

	if (!sorted)
		return false;
	for (size_t i = 0; i < count; i++)
		sorted[i] = user->sources.items[i];
	prefix_sort(sorted, count);
	for (size_t i = 0; i < COUNT(texts); i++) {
		prefix_parse(texts[i], &all, &is_masked);
		is_any = is_any || together_cover(sorted, count, &all);
	}
	free(sorted);
	return is_any;
}

static void
check_users(
    struct reader *reader, const struct json5 *list, const struct acl *acl)
{
	for (size_t i = 0; i < acl->user_count; i++) {
		const struct json5 *object = json5_item(list, i);
		const struct json5 *sources =
		    json5_member(object, "allowed_src_ips");

		check_secrets(reader, object);
		if (permits_any(reader, &acl->users[i]))
			reader_warn(reader, sources ? sources : object,
			    "%s may send from any address; name the user's own "
			    "in allowed_src_ips",
			    acl->users[i].name);
	}
	check_overlaps(reader, list, acl);
}

/* The name localhost always is a loopback address: RFC 6761, section 6.3. */
static bool
is_beyond_loopback(const struct endpoint *listen)
{
	if (endpoint_is_name(listen))
		return strcasecmp(listen->host, "localhost") != 0;
	return listen->address.any.sa_family == AF_UNSPEC ||
	    !address_is_loopback(&listen->address);
}

static void
check_acl(struct reader *reader, const struct json5 *root,
    const struct endpoint *listen, const struct acl *acl)
{
	const struct json5 *list = json5_member(root, "acl");

	if (acl->user_count > 0)
		check_users(reader, list, acl);
	else if (is_beyond_loopback(listen))
		reader_warn(reader, list ? list : root,
		    "the ACL is off: any host that reaches the listener may "
		    "connect anywhere, from any address; set acl");
}

static void
check_listen(struct reader *reader, const struct json5 *object,
    const struct endpoint *listen)
{
	const struct json5 *value = json5_member(object, "listen");

	if (listen->address.any.sa_family == AF_INET &&
	    address_is_unspecified(&listen->address))
		reader_warn(reader, value,
		    "0.0.0.0 listens for IPv4 only; \":%u\" is for both "
		    "families",
		    listen->port);
}

static bool
can_others_replace(const char *path, char folder[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash && slash > path ? (size_t)(slash - path) : 1;
	struct stat status;

	snprintf(folder, PATH_MAX, "%.*s", (int)len, slash ? path : ".");
	return stat(folder, &status) == 0 && (status.st_mode & S_IWOTH) &&
	    !(status.st_mode & S_ISVTX);
}

/* Permissions of a pipe or device do not matter: nobody else reads it. */
static void
check_file(struct reader *reader)
{
	char folder[PATH_MAX];

	if (!S_ISREG(reader->mode))
		return;
	if (reader->mode & S_IROTH)
		reader_warn(reader, NULL,
		    "other system users can read this file and the secrets in "
		    "it; forbid that with chmod o-rwx");
	if (reader->mode & S_IWOTH)
		reader_warn(reader, NULL,
		    "other system users can write to this file and permit "
		    "themselves anything; forbid that with chmod o-rwx");
	if (can_others_replace(reader->path, folder))
		reader_warn(reader, NULL,
		    "other system users can write to its folder %s and replace "
		    "the file; forbid that with chmod o-w",
		    folder);
}

void
exposure_check(struct reader *reader, const struct json5 *root,
    const struct endpoint *listen, const struct acl *acl)
{
	check_file(reader);
	check_listen(
	    reader, acl ? root : json5_member(root, "inbound"), listen);
	if (acl)
		check_acl(reader, root, listen, acl);
	else
		check_secrets(reader, json5_member(root, "outbound"));
}
