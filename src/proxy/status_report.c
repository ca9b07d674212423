#include "proxy/status_report.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/unicode.h"
#include "config/config.h"
#include "process/privilege.h"
#include "process/sandbox.h"
#include "proxy/connection_log.h"
#include "proxy/server_version.h"

/* The type of the number or text at the offset of a field. */
enum kind {
	KIND_NUMBER, /* 64 bits */
	KIND_COUNT,  /* the same, atomic */
	KIND_KNOWN,  /* int64_t; 0 is null */
	KIND_TEXT,   /* char[]; "" is null */
	KIND_ADDRESS,
	KIND_HOST, /* an address, without its port if that is 0 */
	KIND_USER, /* a pointer to an account */
};

/* A member of an object, and where its struct has it. */
struct field {
	const char *key; /* NULL: the end of a table */
	enum kind kind;
	size_t offset;
};

#define ROW(key, kind, type, member)                            \
	{                                                       \
		key, KIND_##kind, offsetof(struct type, member) \
	}

static const struct field config_fields[] = {
	ROW("read_at", KNOWN, live_config_state, read_at),
	ROW("failed_at", KNOWN, live_config_state, failed_at),
	ROW("problem", TEXT, live_config_state, problem),
	{ 0 },
};

static const struct field gate_fields[] = {
	ROW("address", HOST, recent_counterpart, address),
	ROW("requests", NUMBER, recent_counterpart, requests),
	ROW("last_request", KNOWN, recent_counterpart, last_at),
	{ 0 },
};

/* A server, and which version of the protocol it speaks, up to when. */
struct server {
	struct recent_counterpart seen;
	int64_t protocol, protocol_until;
};

#define SERVERS_MAX (RECENT_COUNTERPARTS + SERVER_VERSION_MAX)

static const struct field server_fields[] = {
	ROW("address", HOST, server, seen.address),
	ROW("requests", NUMBER, server, seen.requests),
	ROW("last_request", KNOWN, server, seen.last_at),
	ROW("protocol", KNOWN, server, protocol),
	ROW("protocol_until", KNOWN, server, protocol_until),
	{ 0 },
};

static const struct field refusal_fields[] = {
	ROW("at", KNOWN, recent_refusal, at),
	ROW("id", NUMBER, recent_refusal, number),
	ROW("user", TEXT, recent_refusal, user),
	ROW("peer", ADDRESS, recent_refusal, peer),
	ROW("source", ADDRESS, recent_refusal, source),
	ROW("destination", ADDRESS, recent_refusal, destination),
	ROW("tried", TEXT, recent_refusal, tried),
	ROW("reason", TEXT, recent_refusal, reason),
	{ 0 },
};

static const struct field account_fields[] = {
	ROW("established", COUNT, account, established),
	ROW("sent", COUNT, account, sent),
	ROW("received", COUNT, account, received),
	ROW("sent_rate", COUNT, account, sent_rate),
	ROW("received_rate", COUNT, account, received_rate),
	{ 0 },
};

/* Milliseconds are integers: some readers round fractions. */
static const struct field connection_fields[] = {
	ROW("id", NUMBER, connection_table_view, facts.number),
	ROW("user", USER, connection_table_view, facts.account),
	ROW("peer", ADDRESS, connection_table_view, facts.peer),
	ROW("source", ADDRESS, connection_table_view, facts.source),
	ROW("used", ADDRESS, connection_table_view, facts.source_used),
	ROW("destination", ADDRESS, connection_table_view, facts.destination),
	ROW("sent", NUMBER, connection_table_view, bytes[RELAY_DOWNSTREAM]),
	ROW("received", NUMBER, connection_table_view, bytes[RELAY_UPSTREAM]),
	ROW("age_ms", NUMBER, connection_table_view, age_ms),
	ROW("idle_ms", NUMBER, connection_table_view, idle_ms),
	{ 0 },
};

/*
 * With quotes and escapes; null if it is "". A path may hold any byte, which
 * JSON may not.
 */
static void
put_text(FILE *out, const char *text)
{
	char *copy = *text ? strdup(text) : NULL;
	struct json_object *value = NULL;

	if (copy) {
		unicode_clean(copy, strlen(copy), NULL);
		value = json_object_new_string(copy);
		free(copy);
	}
	fputs(json_object_to_json_string_ext(
		  value, JSON_C_TO_STRING_NOSLASHESCAPE),
	    out);
	json_object_put(value);
}

/* null if it is 0. */
static void
put_known(FILE *out, int64_t number)
{
	if (number)
		fprintf(out, "%" PRId64, number);
	else
		fputs("null", out);
}

static void
put_value(FILE *out, enum kind kind, const void *at)
{
	char text[ADDRESS_STRLEN + ACCOUNT_STRLEN];

	switch (kind) {
	case KIND_NUMBER:
		fprintf(out, "%" PRIu64, *(const uint64_t *)at);
		break;
	case KIND_COUNT:
		fprintf(
		    out, "%" PRIu64, atomic_load((const _Atomic uint64_t *)at));
		break;
	case KIND_KNOWN:
		put_known(out, *(const int64_t *)at);
		break;
	case KIND_TEXT:
		put_text(out, at);
		break;
	case KIND_ADDRESS:
		fprintf(out, "\"%s\"", address_format(at, text));
		break;
	case KIND_HOST:
		fprintf(out, "\"%s\"",
		    address_port(at) ? address_format(at, text)
				     : address_format_host(at, text));
		break;
	case KIND_USER:
		fprintf(out, "\"%s\"",
		    account_format(*(struct account *const *)at, text));
		break;
	}
}

/* An object without its end, for more members to follow. */
static void
put_members(FILE *out, const struct field *fields, const void *base)
{
	for (const struct field *field = fields; field->key; field++) {
		fprintf(
		    out, "%c\"%s\":", field == fields ? '{' : ',', field->key);
		put_value(out, field->kind, (const char *)base + field->offset);
	}
}

/* An array of the structs, each size bytes long. */
static void
put_array(FILE *out, const char *key, const struct field *fields,
    const void *base, size_t size, size_t count)
{
	fprintf(out, ",\"%s\":[", key);
	for (size_t i = 0; i < count; i++) {
		fputs(i ? "," : "", out);
		put_members(out, fields, (const char *)base + i * size);
		putc('}', out);
	}
	putc(']', out);
}

static void
put_config(FILE *out, const struct status_source *source)
{
	struct live_config_state state;

	live_config_state(source->live_config, &state);
	fputs(",\"config\":", out);
	put_members(out, config_fields, &state);
	fprintf(out,
	    ",\"is_taken\":%s,\"path\":", state.failed_at ? "false" : "true");
	put_text(out, source->config_path);
	putc('}', out);
}

static void
put_listeners(FILE *out, const struct listeners *listeners)
{
	char text[ADDRESS_STRLEN];

	fputs(",\"listeners\":[", out);
	for (size_t i = 0; i < listeners->count; i++)
		fprintf(out, "%s\"%s\"", i ? "," : "",
		    address_format(&listeners->list[i].address, text));
	putc(']', out);
}

static void
put_limits(FILE *out, const struct status_source *source, size_t wanted)
{
	const struct limits *limits = source->limits;
	size_t max = wanted ? wanted : limits->usual.connections;

	fprintf(out,
	    ",\"limits\":{\"connections\":%zu,\"max_connections\":%zu,"
	    "\"pipes\":%zu,\"bounded_by\":",
	    admission_live(source->service->admission), max,
	    limits_pipes(limits, max));
	/* The path of a control group may have backslashes. */
	put_text(out, wanted ? "configuration" : limits->usual.by);
	putc('}', out);
}

static void
put_privileges(FILE *out)
{
	const struct sandbox_state *sandbox = sandbox_state();

	fprintf(out,
	    ",\"privileges\":{\"uid\":%u,\"gid\":%u,\"capabilities\":\"%s\","
	    "\"seccomp\":",
	    geteuid(), getegid(), privilege_state());
	put_text(out, sandbox->seccomp);
	fputs(",\"landlock\":", out);
	put_text(out, sandbox->landlock);
	putc('}', out);
}

static void
put_gates(FILE *out, struct recent *recent)
{
	struct recent_counterpart gates[RECENT_COUNTERPARTS];
	size_t count = recent_copy_counterparts(recent, gates);

	put_array(out, "gates", gate_fields, gates, sizeof(*gates), count);
}

static struct server *
find_or_add(struct server *servers, size_t *count, const union address *address)
{
	size_t i = 0;

	while (i < *count && !address_equal(&servers[i].seen.address, address))
		i++;
	if (i == *count)
		servers[(*count)++] =
		    (struct server){ .seen.address = *address };
	return &servers[i];
}

/* Those that requests of users went to come first, the latest one before. */
static size_t
list_servers(struct recent *recent, struct server servers[SERVERS_MAX])
{
	struct recent_counterpart seen[RECENT_COUNTERPARTS];
	struct server_version known[SERVER_VERSION_MAX];
	size_t seen_count = recent_copy_counterparts(recent, seen);
	size_t known_count = server_version_copy(known), count = 0;

	for (size_t i = 0; i < seen_count; i++)
		find_or_add(servers, &count, &seen[i].address)->seen = seen[i];
	for (size_t i = 0; i < known_count; i++) {
		struct server *server =
		    find_or_add(servers, &count, &known[i].server);

		server->protocol = known[i].version;
		if (known[i].version > 0)
			server->protocol_until = time(NULL) +
			    (known[i].good_until - deadline_now()) / 1000;
	}
	return count;
}

static void
put_servers(FILE *out, struct recent *recent)
{
	struct server servers[SERVERS_MAX];
	size_t count = list_servers(recent, servers);

	put_array(
	    out, "servers", server_fields, servers, sizeof(*servers), count);
}

/* "192.0.2.1:21829", "[2001:db8::1]:21829, exit.example:21829" */
static void
put_server(FILE *out, const struct status_source *source,
    const struct endpoint_list *servers)
{
	char text[ENDPOINT_MAX_ADDRESSES * (ENDPOINT_STRLEN + 2)] = "";
	size_t len = 0;

	for (size_t i = 0; i < servers->count; i++) {
		if (i > 0)
			len += (size_t)sprintf(text + len, ", ");
		endpoint_format(&servers->items[i], text + len);
		len += strlen(text + len);
	}
	fputs(",\"server\":{\"address\":", out);
	put_text(out, text);
	fputs(",\"last_answer\":", out);
	put_known(out, atomic_load(&source->service->table->received_at));
	putc('}', out);
}

/* Users have only the reasons that occurred, which halves their length. */
static void
put_refusals(FILE *out, struct recent *recent)
{
	struct recent_refusal copies[RECENT_REFUSALS];
	size_t count = recent_copy_refusals(recent, copies);

	put_array(
	    out, "refusals", refusal_fields, copies, sizeof(*copies), count);
	fputs(",\"refusal_reasons\":[", out);
	for (int i = 0; i < REFUSAL_COUNT; i++)
		fprintf(out, "%s\"%s\"", i ? "," : "",
		    refusal_name((enum refusal)i));
	putc(']', out);
}

static void
put_summary(FILE *out, const struct status_source *source)
{
	const struct service *service = source->service;
	struct config *config = live_config_ref(source->live_config);

	fprintf(out,
	    "{\"version\":\"%s\",\"half\":\"%s\",\"state\":\"%s\",\"pid\":%d,"
	    "\"now\":%" PRId64 ",\"started_at\":%" PRId64,
	    SRCPROXY_VERSION, service->role->name,
	    atomic_load(&source->is_stopping) ? "stopping" : "running",
	    (int)getpid(), (int64_t)time(NULL), source->started_at);
	put_config(out, source);
	put_listeners(out, &source->listeners);
	put_limits(out, source, config->max_connections);
	put_privileges(out);
	if (service->role == &client_role) {
		put_servers(out, service->recent);
		put_server(out, source, &config->servers);
	} else {
		put_gates(out, service->recent);
	}
	put_refusals(out, service->recent);
	config_unref(config);
}

static void
put_user(FILE *out, const struct account *account)
{
	size_t live = atomic_load(&account->live);
	const char *gap = "";
	char name[ACCOUNT_STRLEN];

	put_members(out, account_fields, account);
	fprintf(out, ",\"user\":\"%s\",\"connections\":%zu,\"last_seen\":",
	    account_format(account, name), live);
	put_known(out, live ? time(NULL) : atomic_load(&account->seen_at));
	fputs(",\"refused\":{", out);
	for (int i = 0; i < REFUSAL_COUNT; i++) {
		uint64_t count = atomic_load(&account->refused[i]);

		if (count == 0)
			continue;
		fprintf(out, "%s\"%s\":%" PRIu64, gap,
		    refusal_name((enum refusal)i), count);
		gap = ",";
	}
	fputs("}}", out);
}

static void
put_connection(FILE *out, const struct connection_table_view *view)
{
	char text[ADDRESS_STRLEN];

	put_members(out, connection_fields, view);
	if (view->facts.server.any.sa_family != AF_UNSPEC)
		fprintf(out, ",\"server\":\"%s\"",
		    address_format(&view->facts.server, text));
	fprintf(out,
	    ",\"state\":\"%s\",\"sending\":\"%s\",\"receiving\":\"%s\"}",
	    connection_log_stage(view),
	    connection_log_direction(view, RELAY_DOWNSTREAM),
	    connection_log_direction(view, RELAY_UPSTREAM));
}

static void
put_users(FILE *out, struct accounts *accounts)
{
	const struct account *account = NULL;
	const char *gap = "";

	fputs(",\"users\":[", out);
	while (!ferror(out) && (account = accounts_next(accounts, account))) {
		fputs(gap, out);
		put_user(out, account);
		gap = ",";
	}
	putc(']', out);
}

/* NULL: everybody. */
static bool
is_of(const struct connection_table_view *view, const char *user)
{
	char name[ACCOUNT_STRLEN];

	return !user ||
	    !strcmp(account_format(view->facts.account, name), user);
}

/* Always to the end: until then the marker is in the table. */
static void
put_connections(FILE *out, struct connection_table *table, const char *user)
{
	struct connection_table_entry marker;
	struct connection_table_view view;
	const char *gap = "";

	fputs(",\"connections\":[", out);
	connection_table_begin(table, &marker);
	while (connection_table_next(&marker, &view)) {
		if (ferror(out) || !is_of(&view, user))
			continue;
		fputs(gap, out);
		put_connection(out, &view);
		gap = ",";
	}
	putc(']', out);
}

void
status_report_write(const struct status_source *source, bool with_connections,
    const char *user, FILE *out)
{
	const struct service *service = source->service;

	/* Brings the bytes of the users up to date. */
	connection_table_credit(service->table);
	put_summary(out, source);
	put_users(out, service->accounts);
	if (with_connections)
		put_connections(out, service->table, user);
	fputs("}\n", out);
}
