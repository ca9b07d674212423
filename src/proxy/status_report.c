#include "proxy/status_report.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "process/privilege.h"
#include "process/sandbox.h"
#include "proxy/connection_log.h"
#include "relay/pump.h"

/* What is at the offset of a field. */
enum kind {
	KIND_NUMBER, /* 64 bits */
	KIND_COUNT,  /* the same, atomic */
	KIND_TIME,   /* int64_t, seconds since 1970; 0 is null */
	KIND_TEXT,   /* char[]; "" is null */
	KIND_ADDRESS,
	KIND_HOST, /* an address without its port */
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
	ROW("read_at", TIME, live_config_state, read_at),
	ROW("failed_at", TIME, live_config_state, failed_at),
	ROW("problem", TEXT, live_config_state, problem),
	{ 0 },
};

static const struct field gate_fields[] = {
	ROW("address", HOST, gate, address),
	ROW("requests", NUMBER, gate, requests),
	ROW("last_request", TIME, gate, last_at),
	{ 0 },
};

static const struct field refusal_fields[] = {
	ROW("at", TIME, last_refusal, at),
	ROW("id", NUMBER, last_refusal, number),
	ROW("user", TEXT, last_refusal, user),
	ROW("peer", ADDRESS, last_refusal, peer),
	ROW("source", ADDRESS, last_refusal, source),
	ROW("destination", ADDRESS, last_refusal, destination),
	ROW("tried", TEXT, last_refusal, tried),
	ROW("reason", TEXT, last_refusal, reason),
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

/* Takes over the value. Without memory the member is missing. */
static void
add(struct json_object *object, const char *key, struct json_object *value)
{
	if (!object || json_object_object_add(object, key, value))
		json_object_put(value);
}

static void
add_text(struct json_object *object, const char *key, const char *text)
{
	add(object, key, json_object_new_string(text));
}

static void
add_number(struct json_object *object, const char *key, uint64_t number)
{
	add(object, key, json_object_new_int64((int64_t)number));
}

/* null for what has not been yet. */
static struct json_object *
time_value(int64_t at)
{
	return at ? json_object_new_int64(at) : NULL;
}

static struct json_object *
value_of(const struct field *field, const void *base)
{
	const void *at = (const char *)base + field->offset;
	char text[ADDRESS_STRLEN + ACCOUNT_STRLEN];

	switch (field->kind) {
	case KIND_NUMBER:
		return json_object_new_int64(*(const int64_t *)at);
	case KIND_COUNT:
		return json_object_new_int64(
		    (int64_t)atomic_load((const _Atomic uint64_t *)at));
	case KIND_TIME:
		return time_value(*(const int64_t *)at);
	case KIND_TEXT:
		return *(const char *)at ? json_object_new_string(at) : NULL;
	case KIND_ADDRESS:
		return json_object_new_string(address_format(at, text));
	case KIND_HOST:
		return json_object_new_string(address_format_host(at, text));
	case KIND_USER:
		return json_object_new_string(
		    account_format(*(struct account *const *)at, text));
	}
	return NULL;
}

static struct json_object *
object_of(const struct field *fields, const void *base)
{
	struct json_object *object = json_object_new_object();

	for (; fields->key; fields++)
		add(object, fields->key, value_of(fields, base));
	return object;
}

/* Writes the value behind that text, and frees it. */
static void
put(FILE *out, const char *text, struct json_object *value)
{
	fputs(text, out);
	fputs(json_object_to_json_string_ext(value,
		  JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
	    out);
	json_object_put(value);
}

/* An array of the structs, each size bytes long. */
static void
put_array(FILE *out, const char *text, const struct field *fields,
    const void *base, size_t size, size_t count)
{
	fputs(text, out);
	for (size_t i = 0; i < count; i++)
		put(out, i ? "," : "",
		    object_of(fields, (const char *)base + i * size));
	putc(']', out);
}

static void
put_config(FILE *out, const struct status_source *source)
{
	struct live_config_state state;
	struct json_object *object;

	live_config_state(source->live_config, &state);
	object = object_of(config_fields, &state);
	add_text(object, "path", source->config_path);
	add(object, "is_taken", json_object_new_boolean(!state.failed_at));
	put(out, ",\"config\":", object);
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
	struct json_object *object = json_object_new_object();
	const struct limits *limits = source->limits;
	size_t max = wanted ? wanted : limits->usual.connections;

	add_number(
	    object, "connections", admission_live(source->service->admission));
	add_number(object, "max_connections", max);
	add_text(
	    object, "bounded_by", wanted ? "configuration" : limits->usual.by);
	add_number(object, "pipes", limits_pipes(limits, max));
	put(out, ",\"limits\":", object);
}

static void
put_privileges(FILE *out)
{
	struct json_object *object = json_object_new_object();
	const struct sandbox_state *sandbox = sandbox_state();

	add_number(object, "uid", geteuid());
	add_number(object, "gid", getegid());
	add_text(object, "capabilities", privilege_state());
	add_text(object, "seccomp", sandbox->seccomp);
	add_text(object, "landlock", sandbox->landlock);
	put(out, ",\"privileges\":", object);
}

static void
put_gates(FILE *out, struct gates *gates)
{
	struct gate copies[GATES_MAX];
	size_t count = gates_copy(gates, copies);

	put_array(
	    out, ",\"gates\":[", gate_fields, copies, sizeof(*copies), count);
}

/* "192.0.2.1:21829", "[2001:db8::1]:21829", "exit.example:21829" */
static void
put_server(FILE *out, const struct status_source *source,
    const struct endpoint *server)
{
	struct json_object *object = json_object_new_object();
	const char *bracket = strchr(server->host, ':') ? "[" : "";
	int64_t received_at = atomic_load(&source->service->table->received_at);
	char text[sizeof(server->host) + 16];

	snprintf(text, sizeof(text), "%s%s%s:%u", bracket, server->host,
	    *bracket ? "]" : "", server->port);
	add_text(object, "address", text);
	add(object, "last_answer", time_value(received_at));
	put(out, ",\"server\":", object);
}

/* Users have only those that occurred, which halves their length. */
static void
put_refusals(FILE *out, struct last_refusals *refusals)
{
	struct last_refusal copies[LAST_REFUSALS_MAX];
	size_t count = last_refusals_copy(refusals, copies);

	put_array(out, ",\"refusals\":[", refusal_fields, copies,
	    sizeof(*copies), count);
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
	if (service->role == &server_role)
		put_gates(out, service->gates);
	else
		put_server(out, source, &config->server);
	put_refusals(out, service->refusals);
	config_unref(config);
}

static struct json_object *
user_object(const struct account *account)
{
	struct json_object *object = object_of(account_fields, account);
	struct json_object *refused = json_object_new_object();
	size_t live = atomic_load(&account->live);
	int64_t seen_at = live ? time(NULL) : atomic_load(&account->seen_at);
	char name[ACCOUNT_STRLEN];

	add_text(object, "user", account_format(account, name));
	add_number(object, "connections", live);
	add(object, "last_seen", time_value(seen_at));
	for (int i = 0; i < REFUSAL_COUNT; i++) {
		uint64_t count = atomic_load(&account->refused[i]);

		if (count > 0)
			add_number(
			    refused, refusal_name((enum refusal)i), count);
	}
	add(object, "refused", refused);
	return object;
}

static struct json_object *
connection_object(const struct connection_table_view *view)
{
	struct json_object *object = object_of(connection_fields, view);

	add_text(object, "state", connection_log_stage(view));
	add_text(object, "sending",
	    connection_log_direction(view, RELAY_DOWNSTREAM));
	add_text(object, "receiving",
	    connection_log_direction(view, RELAY_UPSTREAM));
	return object;
}

static void
put_users(FILE *out, struct accounts *accounts)
{
	const struct account *account = NULL;
	const char *gap = "";

	fputs(",\"users\":[", out);
	while (!ferror(out) && (account = accounts_next(accounts, account))) {
		put(out, gap, user_object(account));
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
		put(out, gap, connection_object(&view));
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
