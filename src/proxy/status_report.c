#include "proxy/status_report.h"

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

/* Where pieces of the answer go, and what of an array has been written. */
struct writer {
	status_put *put;
	void *owner;
	bool is_first;
};

static void
add_text(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(
	    object, key, text ? json_object_new_string(text) : NULL);
}

static void
add_number(struct json_object *object, const char *key, uint64_t number)
{
	json_object_object_add(
	    object, key, json_object_new_int64((int64_t)number));
}

/* null for what has not been yet. */
static void
add_time(struct json_object *object, const char *key, int64_t at)
{
	json_object_object_add(
	    object, key, at ? json_object_new_int64(at) : NULL);
}

static void
add_address(
    struct json_object *object, const char *key, const union address *address)
{
	char text[ADDRESS_STRLEN];

	add_text(object, key, address_format(address, text));
}

static struct json_object *
config_object(const struct status_source *source)
{
	struct json_object *object = json_object_new_object();
	struct live_config_state state;

	live_config_state(source->live_config, &state);
	add_text(object, "path", source->config_path);
	add_time(object, "read_at", state.read_at);
	add_time(object, "failed_at", state.failed_at);
	add_text(object, "problem", state.failed_at ? state.problem : NULL);
	return object;
}

static struct json_object *
listeners_array(const struct status_source *source)
{
	struct json_object *array = json_object_new_array();
	char text[ADDRESS_STRLEN];

	for (size_t i = 0; i < source->listener_count; i++)
		json_object_array_add(array,
		    json_object_new_string(
			address_format(&source->listeners[i], text)));
	return array;
}

static struct json_object *
limits_object(const struct status_source *source, const struct config *config)
{
	struct json_object *object = json_object_new_object();
	const struct limits *limits = source->limits;
	size_t wanted = config->max_connections;
	size_t max = wanted ? wanted : limits->usual.connections;

	add_number(object, "connections", admission_live(source->admission));
	add_number(object, "max_connections", max);
	add_text(
	    object, "bounded_by", wanted ? "configuration" : limits->usual.by);
	add_number(object, "pipes", limits_pipes(limits, max));
	return object;
}

static struct json_object *
privileges_object(void)
{
	struct json_object *object = json_object_new_object();
	const struct sandbox_state *sandbox = sandbox_state();

	add_number(object, "uid", geteuid());
	add_number(object, "gid", getegid());
	add_text(object, "capabilities", privilege_state());
	add_text(object, "seccomp", sandbox->seccomp);
	add_text(object, "landlock", sandbox->landlock);
	return object;
}

static struct json_object *
gates_array(struct gates *gates)
{
	struct json_object *array = json_object_new_array(), *object;
	struct gate copies[GATES_MAX];
	size_t count = gates_copy(gates, copies);

	for (size_t i = 0; i < count; i++) {
		char text[ADDRESS_STRLEN];

		object = json_object_new_object();
		add_text(object, "address",
		    address_format_host(&copies[i].address, text));
		add_number(object, "requests", copies[i].requests);
		add_time(object, "last_request", copies[i].last_at);
		json_object_array_add(array, object);
	}
	return array;
}

/* "192.0.2.1:21829", "[2001:db8::1]:21829", "exit.example:21829" */
static struct json_object *
server_object(const struct status_source *source, const struct config *config)
{
	struct json_object *object = json_object_new_object();
	const struct endpoint *server = &config->server;
	const char *bracket = strchr(server->host, ':') ? "[" : "";
	char text[sizeof(server->host) + 16];

	snprintf(text, sizeof(text), "%s%s%s:%u", bracket, server->host,
	    *bracket ? "]" : "", server->port);
	add_text(object, "address", text);
	add_time(
	    object, "last_answer", atomic_load(&source->table->received_at));
	return object;
}

static struct json_object *
refusals_array(struct last_refusals *refusals)
{
	struct json_object *array = json_object_new_array(), *object;
	struct last_refusal copies[LAST_REFUSALS_MAX];
	size_t count = last_refusals_copy(refusals, copies);

	for (size_t i = 0; i < count; i++) {
		object = json_object_new_object();
		add_time(object, "at", copies[i].at);
		add_number(object, "id", copies[i].number);
		add_text(object, "user", copies[i].user);
		add_address(object, "peer", &copies[i].peer);
		add_address(object, "source", &copies[i].source);
		add_address(object, "destination", &copies[i].destination);
		add_text(object, "tried", copies[i].tried);
		add_text(object, "reason", copies[i].reason);
		json_object_array_add(array, object);
	}
	return array;
}

/* Users have only those that there were: that makes them half as long. */
static struct json_object *
reasons_array(void)
{
	struct json_object *array = json_object_new_array();

	for (int i = 0; i < REFUSAL_COUNT; i++)
		json_object_array_add(array,
		    json_object_new_string(refusal_name((enum refusal)i)));
	return array;
}

static struct json_object *
summary_object(const struct status_source *source)
{
	struct json_object *object = json_object_new_object();
	struct config *config = live_config_ref(source->live_config);

	add_text(object, "version", SRCPROXY_VERSION);
	add_text(object, "half", source->role->name);
	add_text(object, "state",
	    atomic_load(&source->is_stopping) ? "stopping" : "running");
	add_number(object, "pid", (uint64_t)getpid());
	add_time(object, "now", time(NULL));
	add_time(object, "started_at", source->started_at);
	json_object_object_add(object, "config", config_object(source));
	json_object_object_add(object, "listeners", listeners_array(source));
	json_object_object_add(object, "limits", limits_object(source, config));
	json_object_object_add(object, "privileges", privileges_object());
	if (source->role == &server_role)
		json_object_object_add(
		    object, "gates", gates_array(source->gates));
	else
		json_object_object_add(
		    object, "server", server_object(source, config));
	json_object_object_add(
	    object, "refusals", refusals_array(source->refusals));
	json_object_object_add(object, "refusal_reasons", reasons_array());
	config_unref(config);
	return object;
}

static struct json_object *
user_object(const struct account *account)
{
	struct json_object *object = json_object_new_object();
	struct json_object *refused = json_object_new_object();
	char name[ACCOUNT_STRLEN];

	add_text(object, "user", account_format(account, name));
	add_number(object, "connections", atomic_load(&account->live));
	add_number(object, "established", atomic_load(&account->established));
	add_number(object, "sent", atomic_load(&account->sent));
	add_number(object, "received", atomic_load(&account->received));
	add_number(object, "sent_rate", atomic_load(&account->sent_rate));
	add_number(
	    object, "received_rate", atomic_load(&account->received_rate));
	add_time(object, "last_seen", atomic_load(&account->seen_at));
	for (int i = 0; i < REFUSAL_COUNT; i++) {
		uint64_t count = atomic_load(&account->refused[i]);

		if (count > 0)
			add_number(
			    refused, refusal_name((enum refusal)i), count);
	}
	json_object_object_add(object, "refused", refused);
	return object;
}

/* In milliseconds; a number with a fraction is what some readers round. */
static struct json_object *
connection_object(const struct connection_table_view *view)
{
	struct json_object *object = json_object_new_object();
	const struct connection_facts *facts = &view->facts;
	char name[ACCOUNT_STRLEN];

	add_number(object, "id", facts->number);
	add_text(object, "user", account_format(facts->account, name));
	add_address(object, "peer", &facts->peer);
	add_address(object, "source", &facts->source);
	add_address(object, "used", &facts->source_used);
	add_address(object, "destination", &facts->destination);
	add_text(object, "state", connection_log_stage(view));
	add_number(object, "sent", view->bytes[RELAY_DOWNSTREAM]);
	add_number(object, "received", view->bytes[RELAY_UPSTREAM]);
	add_number(object, "age_ms", (uint64_t)view->age_ms);
	add_number(object, "idle_ms", (uint64_t)view->idle_ms);
	add_text(object, "sending",
	    connection_log_direction(view, RELAY_DOWNSTREAM));
	add_text(object, "receiving",
	    connection_log_direction(view, RELAY_UPSTREAM));
	return object;
}

static bool
put_text(struct writer *writer, const char *text)
{
	return writer->put(writer->owner, text, strlen(text));
}

/* One of an array. Frees it. */
static bool
put_item(struct writer *writer, struct json_object *object)
{
	const char *text =
	    json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
	bool is_wanted = text && (writer->is_first || put_text(writer, ",")) &&
	    put_text(writer, text);

	writer->is_first = false;
	json_object_put(object);
	return is_wanted;
}

/* All but the brace at its end, for what follows to be members as well. */
static bool
put_summary(struct writer *writer, const struct status_source *source)
{
	struct json_object *object = summary_object(source);
	const char *text =
	    json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
	bool is_wanted =
	    text && writer->put(writer->owner, text, strlen(text) - 1);

	json_object_put(object);
	return is_wanted;
}

static bool
put_users(struct writer *writer, struct accounts *accounts)
{
	const struct account *account = NULL;

	writer->is_first = true;
	if (!put_text(writer, ",\"users\":["))
		return false;
	while ((account = accounts_next(accounts, account)))
		if (!put_item(writer, user_object(account)))
			return false;
	return put_text(writer, "]");
}

static bool
is_of(const struct connection_table_view *view, const char *user)
{
	char name[ACCOUNT_STRLEN];

	return !user ||
	    !strcmp(account_format(view->facts.account, name), user);
}

/* To its end in any case: until then the marker is in the table. */
static bool
put_connections(
    struct writer *writer, struct connection_table *table, const char *user)
{
	struct connection_table_entry marker;
	struct connection_table_view view;
	bool is_wanted;

	writer->is_first = true;
	is_wanted = put_text(writer, ",\"connections\":[");
	connection_table_begin(table, &marker);
	while (connection_table_next(&marker, &view))
		if (is_wanted && is_of(&view, user))
			is_wanted = put_item(writer, connection_object(&view));
	return is_wanted && put_text(writer, "]");
}

bool
status_report_write(const struct status_source *source, bool with_connections,
    const char *user, status_put *put, void *owner)
{
	struct writer writer = { .put = put, .owner = owner };

	/* For users to have the bytes of now. */
	connection_table_credit(source->table);
	return put_summary(&writer, source) &&
	    put_users(&writer, source->accounts) &&
	    (!with_connections ||
		put_connections(&writer, source->table, user)) &&
	    put_text(&writer, "}\n");
}
