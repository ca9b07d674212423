#include "config/config.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/exposure.h"
#include "config/keys.h"
#include "config/values.h"

/* The kinds of objects in a file. Those of the halves are the whole file. */
enum {
	CLIENT = 1 << CONFIG_CLIENT,
	SERVER = 1 << CONFIG_SERVER,
	BOTH = CLIENT | SERVER,
	INBOUND = 1 << 2,
	OUTBOUND = 1 << 3,
	ACCOUNT = 1 << 4, /* an item of acl */
};

static key_read read_mode, read_log_level, read_source_port, read_users,
    read_inbound, read_outbound, read_servers, read_acl, read_name,
    read_allowed, read_auth, read_auths, read_protocol, read_status;

#define AT(field) offsetof(struct config, field)
#define OF(field) offsetof(struct acl_user, field)

/* In the order in which mistakes are reported. tests/pages reads this table. */
static const struct key keys[] = {
	/* clang-format off */
	{ CLIENT, KEY_REQUIRED, "inbound", read_inbound, 0, NULL },
	{ CLIENT, KEY_REQUIRED, "outbound", read_outbound, 0, NULL },
	{ INBOUND, KEY_OPTIONAL, "mode", read_mode, AT(mode), "'redirect'" },
	{ INBOUND, KEY_LIST, "users", read_users, 0, NULL },
	{ INBOUND, KEY_LIST, "bypass", value_targets, AT(bypass), NULL },
	{ INBOUND | SERVER, KEY_REQUIRED, "listen", value_endpoint, AT(listen), NULL },
	{ OUTBOUND, KEY_REQUIRED, "server", read_servers, AT(servers), NULL },
	{ OUTBOUND, KEY_OPTIONAL, "auth", read_auth, 0, "''" },
	{ OUTBOUND, KEY_OPTIONAL, "local_addr", value_local_addr, AT(local_bind), NULL },
	{ OUTBOUND, KEY_OPTIONAL, "fwmark", value_fwmark, AT(local_bind), NULL },
	{ SERVER, KEY_LIST, "acl", read_acl, AT(acl), "[]" },
	{ ACCOUNT, KEY_OPTIONAL, "name", read_name, 0, NULL },
	{ ACCOUNT, KEY_OPTIONAL, "auth", read_auths, OF(digest), "''" },
	{ ACCOUNT, KEY_LIST, "allowed_src_ips", value_prefixes, OF(sources), NULL },
	{ ACCOUNT, KEY_LIST, "allowed_dst_ips", read_allowed, OF(allowed), NULL },
	{ ACCOUNT, KEY_LIST, "denied_dst_ips", value_targets, OF(denied), NULL },
	{ ACCOUNT, KEY_OPTIONAL, "max_connections", value_count, OF(max_connections), NULL },
	{ OUTBOUND | SERVER, KEY_OPTIONAL, "fast_open", value_flag, AT(leg.fast_open), "true" },
	{ OUTBOUND | SERVER, KEY_OPTIONAL, "congestion", value_congestion, AT(leg.congestion), NULL },
	{ SERVER, KEY_LIST, "denied_dst_ips", value_targets, AT(acl.denied), NULL },
	{ SERVER, KEY_OPTIONAL, "source_port", read_source_port, AT(source_port), "'prefer'" },
	{ SERVER, KEY_OPTIONAL, "return_mark", value_mark, AT(return_mark), "'0x50/0x50'" },
	{ SERVER, KEY_OPTIONAL, "handshake_timeout", value_duration, AT(handshake_ms), "'10s'" },
	{ BOTH, KEY_OPTIONAL, "protocol", read_protocol, AT(protocol), "'auto'" },
	{ BOTH, KEY_OPTIONAL, "timeout", value_duration, AT(timeout_ms), "'5m'" },
	{ BOTH, KEY_OPTIONAL, "drain_timeout", value_duration, AT(drain_ms), "'10s'" },
	{ BOTH, KEY_OPTIONAL, "log_level", read_log_level, AT(log_level), "'info'" },
	{ BOTH, KEY_OPTIONAL, "max_connections", value_count, AT(max_connections), NULL },
	{ BOTH, KEY_OPTIONAL, "status", read_status, 0, NULL },
	{ 0 },
	/* clang-format on */
};

static void
read_mode(struct reader *reader, const struct json5 *value, void *field)
{
	static const char *const words[] = { [INBOUND_REDIRECT] = "redirect",
		[INBOUND_TPROXY] = "tproxy",
		NULL };

	value_choice(reader, value, words, field);
}

static void
read_log_level(struct reader *reader, const struct json5 *value, void *field)
{
	static const char *const words[] = {
		[LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_INFO] = "info", NULL
	};

	value_choice(reader, value, words, field);
}

static void
read_source_port(struct reader *reader, const struct json5 *value, void *field)
{
	static const char *const words[] = { [SOURCE_PORT_PREFER] = "prefer",
		[SOURCE_PORT_STRICT] = "strict",
		[SOURCE_PORT_ANY] = "any",
		NULL };

	value_choice(reader, value, words, field);
}

static void
read_protocol(struct reader *reader, const struct json5 *value, void *field)
{
	enum protocol_choice *choice = field;
	const char *text = json5_string(value, NULL);
	int64_t version;

	if (text && !strcmp(text, "auto"))
		*choice = PROTOCOL_AUTO;
	else if (json5_integer(value, &version) &&
	    (version == PROTOCOL_ONLY_1 || version == PROTOCOL_ONLY_2))
		*choice = (enum protocol_choice)version;
	else
		reader_fail(reader, value,
		    "this must be \"auto\", or 1 or 2 without quotes");
}

/* Reads "PREFIX" into the users, and "!PREFIX" into the exceptions. */
static void
read_user(
    struct reader *reader, const struct json5 *value, struct config *config)
{
	const char *text = reader_text(reader, value);
	bool is_exception = text && *text == '!';
	struct prefix prefix;

	if (!text || !value_prefix(reader, value, text + is_exception, &prefix))
		return;
	if (prefix.bit_count == 0)
		reader_fail(reader, value,
		    "\"%.80s\": this is every address; name the users' "
		    "prefixes only",
		    text);
	else if (prefix_list_add(
		     is_exception ? &config->exceptions : &config->users,
		     &prefix))
		reader_fail_memory(reader);
}

static void
read_users(struct reader *reader, const struct json5 *value, void *field)
{
	struct config *config = field;

	if (!reader_expect(reader, value, JSON5_ARRAY))
		return;
	for (size_t i = 0; i < json5_count(value); i++)
		read_user(reader, json5_item(value, i), config);
	if (config->users.count == 0 && config->exceptions.count > 0)
		reader_fail(reader, value,
		    "there are only exceptions; name the users' prefixes as "
		    "well");
}

static void
read_inbound(struct reader *reader, const struct json5 *value, void *config)
{
	keys_read(reader, keys, INBOUND, value, config);
}

static void
check_local_addr(struct reader *reader, const struct json5 *outbound,
    const struct config *config)
{
	const struct json5 *value = json5_member(outbound, "local_addr");
	int local = config->local_bind.address.any.sa_family;

	for (size_t i = 0; i < config->servers.count; i++) {
		int server = config->servers.items[i].address.any.sa_family;

		if (local == AF_UNSPEC || server == AF_UNSPEC ||
		    local == server)
			continue;
		reader_fail_address(reader, value, json5_string(value, NULL),
		    "the server's address is of the other family");
		return;
	}
}

static void
read_auth(struct reader *reader, const struct json5 *value, void *field)
{
	struct config *config = field;
	size_t len;
	const char *text = json5_string(value, &len);

	value_digest(reader, value, &config->auth);
	if (text)
		protocol_key_derive(text, len, &config->protocol_key);
}

static void
read_outbound(struct reader *reader, const struct json5 *value, void *config)
{
	keys_read(reader, keys, OUTBOUND, value, config);
	check_local_addr(reader, value, config);
}

static void
read_server(struct reader *reader, const struct json5 *value,
    struct endpoint_list *list)
{
	struct endpoint *server = &list->items[list->count];

	value_endpoint(reader, value, server);
	if (!server->port)
		return;
	if (!*server->host ||
	    (server->address.any.sa_family != AF_UNSPEC &&
		!address_is_unicast(&server->address)))
		reader_fail(reader, value,
		    "\"%.80s\": there is no server's address in it",
		    json5_string(value, NULL));
	for (size_t i = 0; i < list->count; i++) {
		if (server->port == list->items[i].port &&
		    !strcmp(server->host, list->items[i].host))
			reader_fail(
			    reader, value, "this server is in the list twice");
	}
	list->count++;
}

/* Reads a server, or a list of them. */
static void
read_servers(struct reader *reader, const struct json5 *value, void *field)
{
	bool is_list = json5_type(value) == JSON5_ARRAY;
	size_t count = is_list ? json5_count(value) : 1;
	struct endpoint_list *list = field;

	if (count == 0 || count > ENDPOINT_MAX_ADDRESSES) {
		reader_fail(reader, value,
		    "these are %zu servers; write 1 to %d", count,
		    ENDPOINT_MAX_ADDRESSES);
		return;
	}
	list->items = reader_allocate(reader, count, sizeof(*list->items));
	for (size_t i = 0; list->items && i < count; i++)
		read_server(
		    reader, is_list ? json5_item(value, i) : value, list);
}

/* A name is a field of the log, which a blank or a quote would end. */
static void
read_name(struct reader *reader, const struct json5 *value, void *account)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	    "._@+-";
	struct acl_user *user = account;
	const char *name = reader_text(reader, value);

	if (!name)
		return;
	if (!*name || name[strspn(name, allowed)] ||
	    strlen(name) > ACL_NAME_MAX_LEN)
		reader_fail(reader, value,
		    "\"%.80s\": a name must be 1 to %d of letters, digits and "
		    "._@+-",
		    name, ACL_NAME_MAX_LEN);
	if (!strcmp(name, "-"))
		reader_fail(reader, value,
		    "\"-\": the log uses this name for connections without a "
		    "user");
	user->is_named = true;
	snprintf(user->name, sizeof(user->name), "%s", name);
}

/* An empty list of destinations opens nothing, an absent one nearly all. */
static void
read_allowed(struct reader *reader, const struct json5 *value, void *field)
{
	value_targets(reader, value, field);
	if (json5_type(value) == JSON5_ARRAY && json5_count(value) == 0)
		reader_warn(reader, value,
		    "this user may connect nowhere; without this key, "
		    "everywhere but to special destinations");
}

/*
 * field becomes the digest of the first secret; claim_auths() takes them all.
 */
static void
read_auths(struct reader *reader, const struct json5 *value, void *field)
{
	struct digest other;

	if (json5_type(value) != JSON5_ARRAY)
		value_digest(reader, value, field);
	else if (json5_count(value) == 0)
		reader_fail(reader, value,
		    "this list has no secret; write one, or \"\"");
	for (size_t i = 0; i < json5_count(value); i++)
		value_digest(
		    reader, json5_item(value, i), i == 0 ? field : &other);
}

/* Returns the user who has that digest already, or gives it to this user. */
static const struct acl_user *
claim(struct reader *reader, struct digest_index *index,
    const struct digest *digest, struct acl_user *user)
{
	const struct acl_user *first = digest_index_find(index, digest);

	if (!first && digest_index_add(index, digest, user))
		reader_fail_memory(reader);
	return first;
}

/* Users without a name have their position, which no name looks like. */
static void
claim_name(struct reader *reader, const struct json5 *object,
    struct digest_index *names, const struct acl *acl, struct acl_user *user)
{
	const struct acl_user *first;
	struct digest digest;

	if (!user->is_named)
		return;
	digest_compute(user->name, strlen(user->name), &digest);
	first = claim(reader, names, &digest, user);
	if (first)
		reader_fail(reader, json5_member(object, "name"),
		    "acl[%zu] has the same name; the log could not tell the "
		    "two apart",
		    (size_t)(first - acl->users));
}

/* An auth of another type, which is reported already, is nobody's. */
static void
claim_auth(struct reader *reader, const struct json5 *value,
    const struct json5 *object, struct acl *acl, struct acl_user *user)
{
	const struct acl_user *first;
	struct protocol_key protocol_key;
	const char *text = "";
	struct digest digest;
	size_t len = 0;

	if (value && json5_type(value) != JSON5_NULL)
		text = json5_string(value, &len);
	if (!text)
		return;
	digest_compute(text, len, &digest);
	first = claim(reader, &acl->by_auth, &digest, user);
	protocol_key_derive(text, len, &protocol_key);
	if (!first && acl_add_key(acl, &protocol_key, user))
		reader_fail_memory(reader);
	explicit_bzero(&protocol_key, sizeof(protocol_key));
	if (first == user)
		reader_fail(reader, value, "this auth is in the list twice");
	else if (first)
		reader_fail(reader, value ? value : object,
		    "acl[%zu] has the same auth; each user needs a secret of "
		    "its own",
		    (size_t)(first - acl->users));
}

static void
claim_auths(struct reader *reader, const struct json5 *object, struct acl *acl,
    struct acl_user *user)
{
	const struct json5 *value = json5_member(object, "auth");

	if (!value || json5_type(value) != JSON5_ARRAY) {
		claim_auth(reader, value, object, acl, user);
		return;
	}
	for (size_t i = 0; i < json5_count(value); i++)
		claim_auth(reader, json5_item(value, i), object, acl, user);
}

static void
read_account(struct reader *reader, const struct json5 *value,
    struct digest_index *names, struct acl *acl, struct acl_user *user)
{
	snprintf(user->name, sizeof(user->name), "%s", json5_path(value));
	keys_read(reader, keys, ACCOUNT, value, user);
	if (json5_type(value) != JSON5_OBJECT)
		return;
	claim_name(reader, value, names, acl, user);
	claim_auths(reader, value, acl, user);
}

static void
read_acl(struct reader *reader, const struct json5 *value, void *field)
{
	struct acl *acl = field;
	struct digest_index names = { .room = 0 };

	if (!reader_expect(reader, value, JSON5_ARRAY) ||
	    json5_count(value) == 0)
		return;
	acl->users =
	    reader_allocate(reader, json5_count(value), sizeof(*acl->users));
	if (!acl->users)
		return;
	acl->user_count = json5_count(value);
	for (size_t i = 0; i < acl->user_count; i++)
		read_account(
		    reader, json5_item(value, i), &names, acl, &acl->users[i]);
	digest_index_finish(&names);
}

/*
 * The first key at the top of the file that only that half has, or NULL. The
 * names of all of these are added to text.
 */
static const struct json5 *
find_keys_of(const struct json5 *root, unsigned half, char *text, size_t size)
{
	const struct json5 *first = NULL;
	size_t len = 0;

	for (const struct key *key = keys; key->name && len < size; key++) {
		const struct json5 *value = json5_member(root, key->name);

		if (!value || (key->objects & BOTH) != half)
			continue;
		len += (size_t)snprintf(text + len, size - len, "%s%s",
		    first ? ", " : "", key->name);
		first = first ? first : value;
	}
	return first;
}

/* A file of the other half is one mistake, not one for each key. */
static bool
is_other_half(
    struct reader *reader, const struct json5 *root, enum config_kind kind)
{
	bool is_server = kind == CONFIG_SERVER;
	const char *half = is_server ? "client" : "server";
	char text[128];
	const struct json5 *other;

	if (find_keys_of(root, 1U << kind, text, sizeof(text)))
		return false;
	other =
	    find_keys_of(root, is_server ? CLIENT : SERVER, text, sizeof(text));
	if (other)
		reader_fail(reader, other,
		    "this is the configuration of a %s half, which has %s: "
		    "srcproxy %s FILE",
		    half, text, half);
	return other != NULL;
}

/* A path, or false for none. */
static void
read_status(struct reader *reader, const struct json5 *value, void *field)
{
	struct config *config = field;
	bool is_on;
	const char *path;

	if (json5_boolean(value, &is_on)) {
		config->is_status_path_set = !is_on;
		if (is_on)
			reader_fail(reader, value,
			    "this is a path, or false; it is on by default");
		return;
	}
	path = reader_text(reader, value);
	if (!path)
		return;
	if (*path != '/' || strlen(path) >= sizeof(config->status_path)) {
		reader_fail(reader, value,
		    "\"%.80s\": this is an absolute path of at most %d bytes, "
		    "or false",
		    path, CONFIG_STATUS_PATH_LEN - 1);
		return;
	}
	config->is_status_path_set = true;
	strcpy(config->status_path, path);
}

/* Named by the half and its port, as its firewall tables are. */
static void
set_default_status(struct config *config)
{
	if (!config->is_status_path_set)
		snprintf(config->status_path, sizeof(config->status_path),
		    "/run/srcproxy/%s-%u.sock",
		    config->kind == CONFIG_SERVER ? "server" : "client",
		    config->listen.port);
}

static void
read_document(
    struct reader *reader, const struct json5 *root, struct config *config)
{
	bool is_server = config->kind == CONFIG_SERVER;

	if (is_other_half(reader, root, config->kind))
		return;
	keys_read(reader, keys, 1U << config->kind, root, config);
	set_default_status(config);
	if (!reader->failed)
		exposure_check(reader, root, &config->listen,
		    is_server ? &config->acl : NULL);
}

struct config *
config_load(const char *path, enum config_kind kind, config_report *report)
{
	struct reader reader = { .path = path, .sink = report };
	struct config *config = reader_allocate(&reader, 1, sizeof(*config));
	struct json5 *root = config ? reader_load(&reader) : NULL;

	if (config) {
		atomic_init(&config->references, 1);
		config->kind = kind;
	}
	if (root)
		read_document(&reader, root, config);
	json5_destroy(root);
	reader_finish(&reader);
	if (!reader.failed)
		return config;
	config_unref(config);
	return NULL;
}

bool
config_has_user(const struct config *config, const union address *source)
{
	return prefix_list_contains(&config->users, source) &&
	    !prefix_list_contains(&config->exceptions, source);
}

struct config *
config_ref(const struct config *config)
{
	/* Only its count ever changes; config_load() has allocated it. */
	struct config *counted = (struct config *)config;

	atomic_fetch_add(&counted->references, 1);
	return counted;
}

void
config_unref(struct config *config)
{
	if (!config || atomic_fetch_sub(&config->references, 1) > 1)
		return;
	acl_finish(&config->acl);
	prefix_list_finish(&config->users);
	prefix_list_finish(&config->exceptions);
	target_list_finish(&config->bypass);
	endpoint_list_finish(&config->servers);
	explicit_bzero(&config->protocol_key, sizeof(config->protocol_key));
	free(config);
}
