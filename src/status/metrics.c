#include "status/metrics.h"

#include <inttypes.h>

#include "base/array.h"
#include "status/answer.h"

#define LABELS_LEN 256

/*
 * A series for each object that has the member. Rows of one name follow one
 * another. HELP and TYPE are the same for all halves, letter by letter: the
 * textfile collector refuses files that differ.
 */
struct metric {
	const char *name, *type, *help;
	const char *member; /* of the answer: an object, or an array of them */
	const char *key;
	const char *label, *label_key; /* names the object; NULL: no label */
	const char *more;              /* another label; NULL: none */
};

static const struct metric metrics[] = {
	{ "start_time_seconds", "gauge",
	    "When the program was started, since the Unix epoch.", NULL,
	    "started_at", NULL, NULL, NULL },
	{ "config_last_reload_successful", "gauge",
	    "Whether the last reading of the configuration was taken.",
	    "config", "is_taken", NULL, NULL, NULL },
	{ "config_last_reload_success_timestamp_seconds", "gauge",
	    "When the configuration in force was read, since the Unix epoch.",
	    "config", "read_at", NULL, NULL, NULL },
	{ "connections_max", "gauge",
	    "How many connections there may be at a time.", "limits",
	    "max_connections", NULL, NULL, NULL },
	{ "connections_live", "gauge",
	    "Connections of all users, with those that are being made.",
	    "limits", "connections", NULL, NULL, NULL },
	{ "connections", "gauge",
	    "Connections of the user, with those that are being made.", "users",
	    "connections", "user", "user", NULL },
	{ "established_total", "counter",
	    "Connections of the user that were established.", "users",
	    "established", "user", "user", NULL },
	{ "bytes_total", "counter",
	    "Bytes that the user has sent and received.", "users", "sent",
	    "user", "user", "direction=\"sent\"" },
	{ "bytes_total", "counter", NULL, "users", "received", "user", "user",
	    "direction=\"received\"" },
	{ "prefix_bytes_total", "counter",
	    "Bytes of packets from and to the prefix, by rules --count.",
	    "prefixes", "sent", "prefix", "prefix", "direction=\"sent\"" },
	{ "prefix_bytes_total", "counter", NULL, "prefixes", "received",
	    "prefix", "prefix", "direction=\"received\"" },
	{ "last_seen_timestamp_seconds", "gauge",
	    "When the user last had or asked for a connection, since the Unix "
	    "epoch; 0 if never.",
	    "users", "last_seen", "user", "user", NULL },
	{ "server_last_answer_timestamp_seconds", "gauge",
	    "When bytes last came from the server half, since the Unix epoch; "
	    "0 if never.",
	    "server", "last_answer", NULL, NULL, NULL },
	{ "server_protocol_version", "gauge",
	    "Which version of the protocol the server speaks; 0 if that is not "
	    "known.",
	    "servers", "protocol", "server", "address", NULL },
	{ "gate_last_request_timestamp_seconds", "gauge",
	    "When the last request of a user came from the gate, since the "
	    "Unix epoch.",
	    "gates", "last_request", "gate", "address", NULL },
};

/* The labels of all series of this half. */
static char half_labels[LABELS_LEN];

static void
print_family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP srcproxy_%s %s\n# TYPE srcproxy_%s %s\n", name,
	    help, name, type);
}

/* Backslash, quote and newline are escaped; no text of ours is longer. */
static const char *
escape(const char *text, char escaped[LABELS_LEN])
{
	size_t len = 0;

	for (; *text && len + 3 < LABELS_LEN; text++) {
		if (*text == '\n' || *text == '"' || *text == '\\')
			escaped[len++] = '\\';
		escaped[len++] = *text == '\n' ? 'n' : *text;
	}
	escaped[len] = '\0';
	return escaped;
}

/* more: another label, or NULL. */
static void
print_sample(FILE *out, const char *name, const char *label,
    const char *label_value, const char *more, int64_t value)
{
	char escaped[LABELS_LEN];

	fprintf(out, "srcproxy_%s{%s", name, half_labels);
	if (label && label_value)
		fprintf(out, ",%s=\"%s\"", label, escape(label_value, escaped));
	if (more)
		fprintf(out, ",%s", more);
	fprintf(out, "} %" PRId64 "\n", value);
}

static void
print_object(FILE *out, const struct metric *metric, struct json_object *object)
{
	print_sample(out, metric->name, metric->label,
	    metric->label ? answer_text(object, metric->label_key) : NULL,
	    metric->more, answer_number(object, metric->key));
}

static void
print_metric(FILE *out, const struct metric *metric, struct json_object *answer)
{
	struct json_object *member =
	    metric->member ? answer_member(answer, metric->member) : answer;
	size_t count = answer_count(member);

	if (count == 0 && !json_object_is_type(member, json_type_object))
		return;
	if (metric->help)
		print_family(out, metric->name, metric->type, metric->help);
	if (count == 0)
		print_object(out, metric, member);
	for (size_t i = 0; i < count; i++)
		print_object(out, metric, json_object_array_get_idx(member, i));
}

/* All reasons of each user, so that each series begins with 0. */
static void
print_refused(FILE *out, struct json_object *user, struct json_object *reasons)
{
	struct json_object *refused = answer_member(user, "refused");
	char more[LABELS_LEN];

	for (size_t i = 0; i < answer_count(reasons); i++) {
		const char *reason = json_object_get_string(
		    json_object_array_get_idx(reasons, i));

		snprintf(more, sizeof(more), "reason=\"%s\"", reason);
		print_sample(out, "refused_total", "user",
		    answer_text(user, "user"), more,
		    answer_number(refused, reason));
	}
}

void
metrics_print(struct json_object *answer, FILE *out)
{
	struct json_object *users = answer_member(answer, "users");
	struct json_object *listeners = answer_member(answer, "listeners");

	snprintf(half_labels, sizeof(half_labels), "half=\"%s\",listen=\"%s\"",
	    answer_text(answer, "half"),
	    answer_count(listeners)
		? json_object_get_string(
		      json_object_array_get_idx(listeners, 0))
		: "");
	print_family(out, "build_info", "gauge",
	    "The version of the running program; the value is 1.");
	print_sample(out, "build_info", "version",
	    answer_text(answer, "version"), NULL, 1);
	for (size_t i = 0; i < COUNT(metrics); i++)
		print_metric(out, &metrics[i], answer);
	if (answer_count(users) > 0)
		print_family(out, "refused_total", "counter",
		    "Connections of the user that were refused, by reason.");
	for (size_t i = 0; i < answer_count(users); i++)
		print_refused(out, json_object_array_get_idx(users, i),
		    answer_member(answer, "refusal_reasons"));
	fputs("# EOF\n", out);
}
