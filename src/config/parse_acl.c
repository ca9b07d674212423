#include "config/parse_acl.h"

#include <stdio.h>
#include <string.h>

static const char *const user_keys[] = { "auth", "name", "allowed_src_ips",
	"allowed_dst_ips", "max_connections", NULL };

static void
read_prefix(
    struct reader *reader, const struct json5 *value, struct prefix *prefix)
{
	const char *text, *wrong;
	bool masked = false;
	char taken[PREFIX_STRLEN];

	if (!reader_expect(reader, value, JSON5_STRING))
		return;
	text = reader_text(reader, value);
	if (!text)
		return;
	wrong = prefix_parse(text, prefix, &masked);
	if (wrong)
		reader_fail_address(reader, value, text, wrong);
	if (wrong || !masked)
		return;
	reader_warn(reader, value,
	    "\"%.80s\" has bits set behind the prefix; taken as %s", text,
	    prefix_format(prefix, taken));
}

/* How many *prefixes has then; 0 if there is no memory either. */
static size_t
read_prefixes(
    struct reader *reader, const struct json5 *list, struct prefix **prefixes)
{
	size_t count = list ? json5_count(list) : 0;

	if (count == 0)
		return 0;
	*prefixes = reader_allocate(reader, count, sizeof(**prefixes));
	if (!*prefixes)
		return 0;
	for (size_t i = 0; i < count; i++)
		read_prefix(reader, json5_item(list, i), &(*prefixes)[i]);
	return count;
}

static void
read_sources(
    struct reader *reader, const struct json5 *object, struct acl_user *user)
{
	const struct json5 *list =
	    reader_member(reader, object, "allowed_src_ips", JSON5_ARRAY);

	user->source_count = read_prefixes(reader, list, &user->sources);
}

/* Unlike sources, an empty list is no absent one: it opens nothing. */
static void
read_destinations(
    struct reader *reader, const struct json5 *object, struct acl_user *user)
{
	const struct json5 *list =
	    reader_member(reader, object, "allowed_dst_ips", JSON5_ARRAY);

	user->is_confined = list != NULL;
	user->destination_count =
	    read_prefixes(reader, list, &user->destinations);
	if (list && json5_count(list) == 0)
		reader_warn(reader, list,
		    "this user may go nowhere; without this key it is "
		    "everywhere but special destinations");
}

/* Names go into the log, where a blank or a quote would end the field. */
static void
read_name(
    struct reader *reader, const struct json5 *object, struct acl_user *user)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "._@+-";
	const char *name = reader_string(reader, object, "name");

	if (name &&
	    (!*name || name[strspn(name, allowed)] ||
		strlen(name) > ACL_NAME_MAX_LEN))
		reader_fail(reader, json5_member(object, "name"),
		    "\"%.80s\": a name is 1 to %d of letters, digits and "
		    "._@+-",
		    name, ACL_NAME_MAX_LEN);
	if (name && !strcmp(name, "-"))
		reader_fail(reader, json5_member(object, "name"),
		    "\"-\": this is what the log calls nobody");
	user->is_named = name != NULL;
	snprintf(user->name, sizeof(user->name), "%s",
	    name ? name : json5_path(object));
}

/* Who has that digest already, or NULL: now it is this user's. */
static const struct acl_user *
claim(struct reader *reader, struct digest_index *index,
    const struct digest *digest, struct acl_user *user)
{
	const struct acl_user *first = digest_index_find(index, digest);

	if (!first && digest_index_add(index, digest, user))
		reader_fail_memory(reader);
	return first;
}

/* Those who have none are called by their position, which no name looks like. */
static void
claim_name(struct reader *reader, const struct json5 *object,
    struct digest_index *names, const struct acl *acl, struct acl_user *user)
{
	const struct json5 *name = json5_member(object, "name");
	const struct acl_user *first;
	struct digest digest;

	if (!name)
		return;
	digest_compute(user->name, strlen(user->name), &digest);
	first = claim(reader, names, &digest, user);
	if (first)
		reader_fail(reader, name,
		    "this is the same name as that of acl[%zu]; the log could "
		    "not tell the two apart",
		    (size_t)(first - acl->users));
}

static void
claim_auth(struct reader *reader, const struct json5 *object, struct acl *acl,
    struct acl_user *user)
{
	const struct json5 *auth = json5_member(object, "auth");
	const struct acl_user *first =
	    claim(reader, &acl->by_auth, &user->digest, user);

	if (first)
		reader_fail(reader, auth ? auth : object,
		    "this is the same auth as that of acl[%zu]; each user "
		    "needs one of their own",
		    (size_t)(first - acl->users));
}

static void
read_user(struct reader *reader, const struct json5 *object,
    struct digest_index *names, struct acl *acl, struct acl_user *user)
{
	if (!reader_expect(reader, object, JSON5_OBJECT))
		return;
	reader_refuse_unknown(reader, object, user_keys);
	read_name(reader, object, user);
	claim_name(reader, object, names, acl, user);
	if (reader_digest(reader, object, "auth", &user->digest))
		claim_auth(reader, object, acl, user);
	read_sources(reader, object, user);
	read_destinations(reader, object, user);
	reader_count(reader, object, "max_connections", &user->max_connections);
}

void
config_acl_read(
    struct reader *reader, const struct json5 *root, struct acl *acl)
{
	const struct json5 *list =
	    reader_member(reader, root, "acl", JSON5_ARRAY);
	size_t count = list ? json5_count(list) : 0;
	struct digest_index names = { .room = 0 };

	if (count == 0)
		return;
	acl->users = reader_allocate(reader, count, sizeof(*acl->users));
	if (!acl->users)
		return;
	acl->user_count = count;
	for (size_t i = 0; i < count; i++)
		read_user(
		    reader, json5_item(list, i), &names, acl, &acl->users[i]);
	digest_index_finish(&names);
}
