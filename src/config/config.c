#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/exposure.h"
#include "config/parse_acl.h"
#include "config/parse_leg.h"
#include "config/parse_outbound.h"
#include "config/reader.h"

#define TIMEOUT_MS (5 * 60 * 1000)
#define HANDSHAKE_MS (10 * 1000)
#define DRAIN_MS (10 * 1000)

static const char *const client_keys[] = { "inbound", "outbound", "timeout",
	"log_level", "drain_timeout", "max_connections", NULL };
static const char *const inbound_keys[] = { "mode", "listen", NULL };
static const char *const server_keys[] = { "listen", "acl", "source_port",
	"timeout", "log_level", "handshake_timeout", "drain_timeout",
	"max_connections", "fast_open", "congestion", NULL };

static void
read_log_level(
    struct reader *reader, const struct json5 *object, enum log_level *level)
{
	const char *text = reader_word(reader, object, "log_level");

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
	reader_count(reader, root, "max_connections", &config->max_connections);
}

static void
read_source_port(
    struct reader *reader, const struct json5 *root, enum source_port *policy)
{
	const char *text = reader_string(reader, root, "source_port");

	if (!text)
		return;
	if (!strcmp(text, "prefer"))
		*policy = SOURCE_PORT_PREFER;
	else if (!strcmp(text, "strict"))
		*policy = SOURCE_PORT_STRICT;
	else if (!strcmp(text, "any"))
		*policy = SOURCE_PORT_ANY;
	else
		reader_fail(reader, json5_member(root, "source_port"),
		    "\"%.80s\": this is \"prefer\", \"strict\" or \"any\"",
		    text);
}

static void
read_server(
    struct reader *reader, const struct json5 *root, struct config *config)
{
	reader_refuse_unknown(reader, root, server_keys);
	reader_endpoint(reader, root, "listen", &config->listen);
	config_acl_read(reader, root, &config->acl);
	read_source_port(reader, root, &config->source_port);
	config_leg_read(reader, root, &config->leg);
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
	mode = reader_word(reader, inbound, "mode");
	if (mode && strcmp(mode, "redirect"))
		reader_fail(reader, json5_member(inbound, "mode"),
		    "\"%.80s\": the only mode is \"redirect\"", mode);
	reader_endpoint(reader, inbound, "listen", &config->listen);
}

static void
read_client(
    struct reader *reader, const struct json5 *root, struct config *config)
{
	reader_refuse_unknown(reader, root, client_keys);
	read_inbound(reader, root, config);
	config_outbound_read(reader, root, &config->server, &config->auth,
	    &config->local_bind, &config->leg);
}

static bool
is_among(const char *key, const char *const keys[])
{
	while (*keys && strcmp(*keys, key) != 0)
		keys++;
	return *keys != NULL;
}

/*
 * The first key at the top of the file that only that half has, or NULL. What
 * all of these are is added to text.
 */
static const struct json5 *
find_keys_of(const struct json5 *root, const char *const keys[],
    const char *const others[], char *text, size_t size)
{
	const struct json5 *first = NULL;
	size_t len = 0;

	for (; *keys && len < size; keys++) {
		if (is_among(*keys, others) || !json5_member(root, *keys))
			continue;
		len += (size_t)snprintf(
		    text + len, size - len, "%s%s", first ? ", " : "", *keys);
		first = first ? first : json5_member(root, *keys);
	}
	return first;
}

/* One line for a file of the other half, in place of one for each key. */
static bool
is_other_half(
    struct reader *reader, const struct json5 *root, enum config_kind kind)
{
	bool is_server = kind == CONFIG_SERVER;
	const char *const *own = is_server ? server_keys : client_keys;
	const char *const *others = is_server ? client_keys : server_keys;
	const char *half = is_server ? "client" : "server";
	char text[128];
	const struct json5 *other;

	if (find_keys_of(root, own, others, text, sizeof(text)))
		return false;
	other = find_keys_of(root, others, own, text, sizeof(text));
	if (other)
		reader_fail(reader, other,
		    "this is the configuration of a %s half, which has %s: "
		    "srcproxy %s FILE",
		    half, text, half);
	return other != NULL;
}

static void
read_document(
    struct reader *reader, const struct json5 *root, struct config *config)
{
	if (!reader_expect(reader, root, JSON5_OBJECT) ||
	    is_other_half(reader, root, config->kind))
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

	if (config)
		atomic_init(&config->references, 1);
	if (root) {
		config->kind = kind;
		config->timeout_ms = TIMEOUT_MS;
		config->handshake_ms = HANDSHAKE_MS;
		config->drain_ms = DRAIN_MS;
		config->log_level = LOG_LEVEL_INFO;
		config->source_port = SOURCE_PORT_PREFER;
		read_document(&reader, root, config);
	}
	if (root && !reader.failed)
		exposure_check(&reader, root, &config->listen,
		    kind == CONFIG_SERVER ? &config->acl : NULL);
	json5_destroy(root);
	reader_finish(&reader);
	if (!reader.failed)
		return config;
	config_unref(config);
	return NULL;
}

struct config *
config_ref(struct config *config)
{
	atomic_fetch_add(&config->references, 1);
	return config;
}

void
config_unref(struct config *config)
{
	if (!config || atomic_fetch_sub(&config->references, 1) > 1)
		return;
	acl_finish(&config->acl);
	free(config);
}
