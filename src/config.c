#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader.h"

#define TIMEOUT_MS (5 * 60 * 1000)
#define HANDSHAKE_MS (10 * 1000)
#define DRAIN_MS (10 * 1000)

static const char *const client_keys[] = { "inbound", "outbound", "timeout",
	"log_level", "drain_timeout", NULL };
static const char *const inbound_keys[] = { "mode", "listen", NULL };
static const char *const outbound_keys[] = { "server", "auth", "local_addr",
	"fwmark", NULL };
static const char *const server_keys[] = { "listen", "acl", "timeout",
	"log_level", "handshake_timeout", "drain_timeout", NULL };
static const char *const user_keys[] = { "auth", "name", "allowed_src_ips",
	NULL };

static void
read_log_level(
    struct reader *reader, const struct json5 *object, enum log_level *level)
{
	const char *text = reader_string(reader, object, "log_level");

	if (!text)
		return;
	if (!strcmp(text, "info"))
		*level = LOG_LEVEL_INFO;
	else if (!strcmp(text, "error"))
		*level = LOG_LEVEL_ERROR;
	else
		reader_fail(reader, json5_member(object, "log_level"),
		    "\"%.80s\": this is \"info\" or \"error\"", text);
}

/* What both halves have. */
static void
read_common(
    struct reader *reader, const struct json5 *root, struct config *config)
{
	reader_duration(reader, root, "timeout", &config->timeout_ms);
	reader_duration(reader, root, "drain_timeout", &config->drain_ms);
	read_log_level(reader, root, &config->log_level);
}

static void
read_source(
    struct reader *reader, const struct json5 *value, struct prefix *prefix)
{
	const char *text, *wrong;
	bool masked = false;
	char base[ADDRESS_STRLEN];

	if (!reader_expect(reader, value, JSON5_STRING))
		return;
	text = reader_text(reader, value);
	if (!text)
		return;
	wrong = prefix_parse(text, prefix, &masked);
	if (wrong)
		reader_fail(reader, value, "\"%.80s\": %s", text, wrong);
	if (wrong || !masked)
		return;
	reader_warn(reader, value,
	    "\"%.80s\" has bits set behind the prefix; taken as %s/%u", text,
	    address_format_host(&prefix->base, base), prefix->bit_count);
}

static void
read_sources(
    struct reader *reader, const struct json5 *object, struct acl_user *user)
{
	const struct json5 *list =
	    reader_member(reader, object, "allowed_src_ips", JSON5_ARRAY);
	size_t count = list ? json5_count(list) : 0;

	if (count == 0)
		return;
	user->sources = reader_allocate(reader, count, sizeof(*user->sources));
	if (!user->sources)
		return;
	user->source_count = count;
	for (size_t i = 0; i < count; i++)
		read_source(reader, json5_item(list, i), &user->sources[i]);
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
	snprintf(user->name, sizeof(user->name), "%s",
	    name ? name : json5_path(object));
}

/* False, and the digest as it was, if it is there but no string. */
static bool
read_auth(
    struct reader *reader, const struct json5 *object, struct digest *digest)
{
	const struct json5 *value = json5_member(object, "auth");
	const char *auth = "";
	size_t len = 0;

	if (value && !reader_expect(reader, value, JSON5_STRING))
		return false;
	if (value)
		auth = json5_string(value, &len);
	digest_compute(auth, len, digest);
	return true;
}

static void
refuse_same_auth(struct reader *reader, const struct json5 *object,
    const struct acl *acl, size_t index)
{
	const struct json5 *auth = json5_member(object, "auth");
	const struct digest *digest = &acl->users[index].digest;

	for (size_t i = 0; i < index; i++) {
		if (digest_equal(&acl->users[i].digest, digest))
			reader_fail(reader, auth ? auth : object,
			    "this is the same auth as that of acl[%zu]; each "
			    "user needs one of their own",
			    i);
	}
}

static void
read_user(struct reader *reader, const struct json5 *list, size_t index,
    struct acl *acl)
{
	const struct json5 *object = json5_item(list, index);
	struct acl_user *user = &acl->users[index];

	if (!reader_expect(reader, object, JSON5_OBJECT))
		return;
	reader_refuse_unknown(reader, object, user_keys);
	read_name(reader, object, user);
	if (read_auth(reader, object, &user->digest))
		refuse_same_auth(reader, object, acl, index);
	read_sources(reader, object, user);
}

static void
read_acl(struct reader *reader, const struct json5 *root, struct acl *acl)
{
	const struct json5 *list =
	    reader_member(reader, root, "acl", JSON5_ARRAY);
	size_t count = list ? json5_count(list) : 0;

	if (count == 0)
		return;
	acl->users = reader_allocate(reader, count, sizeof(*acl->users));
	if (!acl->users)
		return;
	acl->user_count = count;
	for (size_t i = 0; i < count; i++)
		read_user(reader, list, i, acl);
}

static void
read_server(
    struct reader *reader, const struct json5 *root, struct config *config)
{
	reader_refuse_unknown(reader, root, server_keys);
	reader_endpoint(reader, root, "listen", &config->listen);
	read_acl(reader, root, &config->acl);
	reader_duration(
	    reader, root, "handshake_timeout", &config->handshake_ms);
}

static void
read_inbound(
    struct reader *reader, const struct json5 *root, struct config *config)
{
	const struct json5 *inbound;
	const char *mode;

	reader_require(reader, root, "inbound");
	inbound = reader_member(reader, root, "inbound", JSON5_OBJECT);
	if (!inbound)
		return;
	reader_refuse_unknown(reader, inbound, inbound_keys);
	mode = reader_string(reader, inbound, "mode");
	if (mode && strcmp(mode, "redirect"))
		reader_fail(reader, json5_member(inbound, "mode"),
		    "\"%.80s\": the only mode is \"redirect\"", mode);
	reader_endpoint(reader, inbound, "listen", &config->listen);
}

static void
read_local_addr(
    struct reader *reader, const struct json5 *outbound, struct config *config)
{
	const char *text = reader_string(reader, outbound, "local_addr");
	const union address *local = &config->egress.address;
	const union address *server = &config->server.address;
	const char *wrong;

	if (!text)
		return;
	wrong = egress_parse_local(text, &config->egress);
	if (!wrong && local->any.sa_family != AF_UNSPEC &&
	    server->any.sa_family != AF_UNSPEC &&
	    local->any.sa_family != server->any.sa_family)
		wrong = "the server's address is of the other family";
	if (wrong)
		reader_fail(reader, json5_member(outbound, "local_addr"),
		    "\"%.80s\": %s", text, wrong);
}

static void
read_fwmark(
    struct reader *reader, const struct json5 *outbound, struct egress *egress)
{
	const struct json5 *value =
	    reader_member(reader, outbound, "fwmark", JSON5_INTEGER);
	int64_t mark;

	if (!value || !json5_integer(value, &mark))
		return;
	if (mark < 0 || mark > UINT32_MAX) {
		reader_fail(reader, value,
		    "%" PRId64 ": a mark is 0 to 0xffffffff", mark);
		return;
	}
	egress->marked = true;
	egress->mark = (uint32_t)mark;
}

static void
read_outbound(
    struct reader *reader, const struct json5 *root, struct config *config)
{
	const struct json5 *outbound;

	reader_require(reader, root, "outbound");
	outbound = reader_member(reader, root, "outbound", JSON5_OBJECT);
	if (!outbound)
		return;
	reader_refuse_unknown(reader, outbound, outbound_keys);
	reader_endpoint(reader, outbound, "server", &config->server);
	if (config->server.port &&
	    (!*config->server.host ||
		(config->server.address.any.sa_family != AF_UNSPEC &&
		    !address_is_unicast(&config->server.address))))
		reader_fail(reader, json5_member(outbound, "server"),
		    "\"%.80s\": there is no server's address in it",
		    json5_string(json5_member(outbound, "server"), NULL));
	read_auth(reader, outbound, &config->auth);
	read_local_addr(reader, outbound, config);
	read_fwmark(reader, outbound, &config->egress);
}

static void
read_client(
    struct reader *reader, const struct json5 *root, struct config *config)
{
	reader_refuse_unknown(reader, root, client_keys);
	read_inbound(reader, root, config);
	read_outbound(reader, root, config);
}

static void
read_document(
    struct reader *reader, const struct json5 *root, struct config *config)
{
	if (!reader_expect(reader, root, JSON5_OBJECT))
		return;
	if (config->kind == CONFIG_SERVER)
		read_server(reader, root, config);
	else
		read_client(reader, root, config);
	read_common(reader, root, config);
}

struct config *
config_load(const char *path, enum config_kind kind, config_report *report)
{
	struct reader reader = { .path = path, .sink = report };
	struct config *config = reader_allocate(&reader, 1, sizeof(*config));
	struct json5 *root = config ? reader_load(&reader) : NULL;

	if (root) {
		config->kind = kind;
		config->timeout_ms = TIMEOUT_MS;
		config->handshake_ms = HANDSHAKE_MS;
		config->drain_ms = DRAIN_MS;
		config->log_level = LOG_LEVEL_INFO;
		config->egress.address.any.sa_family = AF_UNSPEC;
		read_document(&reader, root, config);
	}
	json5_destroy(root);
	if (!reader.failed)
		return config;
	config_destroy(config);
	return NULL;
}

void
config_destroy(struct config *config)
{
	if (!config)
		return;
	acl_finish(&config->acl);
	free(config);
}
