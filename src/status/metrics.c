#include "status/metrics.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "status/answer.h"

#define LABELS_LEN 256

/* Of all series of this half. */
static char half_labels[LABELS_LEN];

/* HELP and TYPE are the same for all halves, letter by letter. */
static void
print_family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP srcproxy_%s %s\n# TYPE srcproxy_%s %s\n", name,
	    help, name, type);
}

/* more: further labels, each with a comma in front. */
static void
print_sample(FILE *out, const char *name, const char *more, int64_t value)
{
	fprintf(out, "srcproxy_%s{%s%s} %" PRId64 "\n", name, half_labels, more,
	    value);
}

/* Backslash, quote and newline are escaped; nothing of ours is longer. */
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

static void
print_gauge(FILE *out, const char *name, const char *help, int64_t value)
{
	print_family(out, name, "gauge", help);
	print_sample(out, name, "", value);
}

static void
print_info(struct json_object *answer, FILE *out)
{
	char version[LABELS_LEN], more[LABELS_LEN + 16];

	print_family(out, "build_info", "gauge",
	    "The version of the running program; the value is 1.");
	snprintf(more, sizeof(more), ",version=\"%s\"",
	    escape(answer_text(answer, "version"), version));
	print_sample(out, "build_info", more, 1);
}

static void
print_process(struct json_object *answer, FILE *out)
{
	struct json_object *config = answer_member(answer, "config");
	struct json_object *limits = answer_member(answer, "limits");

	print_info(answer, out);
	print_gauge(out, "start_time_seconds",
	    "When the program was started, since the Unix epoch.",
	    answer_number(answer, "started_at"));
	print_gauge(out, "config_last_reload_successful",
	    "Whether the last reading of the configuration was taken.",
	    !answer_number(config, "failed_at"));
	print_gauge(out, "config_last_reload_success_timestamp_seconds",
	    "When the configuration in force was read, since the Unix epoch.",
	    answer_number(config, "read_at"));
	print_gauge(out, "connections_max",
	    "How many connections there may be at a time.",
	    answer_number(limits, "max_connections"));
	print_gauge(out, "connections_live",
	    "Connections of all users, those included that are being made.",
	    answer_number(limits, "connections"));
}

static const char *
user_label(struct json_object *user, const char *more, char *text, size_t size)
{
	char name[LABELS_LEN];

	snprintf(text, size, ",user=\"%s\"%s",
	    escape(answer_text(user, "user"), name), more);
	return text;
}

/* A family whose samples are members of each user. */
struct family {
	const char *name, *type, *help;
	const struct {
		const char *key, *label;
	} members[2];
};

static const struct family families[] = {
	{ "connections", "gauge",
	    "Connections of the user, those included that are being made.",
	    { { "connections", "" } } },
	{ "established_total", "counter",
	    "Connections of the user that were established.",
	    { { "established", "" } } },
	{ "bytes_total", "counter",
	    "Bytes that the user has sent and received.",
	    { { "sent", ",direction=\"sent\"" },
		{ "received", ",direction=\"received\"" } } },
	{ "last_seen_timestamp_seconds", "gauge",
	    "When the user last asked for a connection, since the Unix epoch; "
	    "0 if never.",
	    { { "last_seen", "" } } },
};

static void
print_users(struct json_object *users, const struct family *family, FILE *out)
{
	char more[LABELS_LEN + 64];

	print_family(out, family->name, family->type, family->help);
	for (size_t i = 0; i < answer_count(users); i++) {
		struct json_object *user = answer_item(users, i);

		for (int j = 0; j < 2 && family->members[j].key; j++)
			print_sample(out, family->name,
			    user_label(user, family->members[j].label, more,
				sizeof(more)),
			    answer_number(user, family->members[j].key));
	}
}

/* Of each user all of them, for a series to begin with 0. */
static void
print_refused(struct json_object *answer, FILE *out)
{
	struct json_object *users = answer_member(answer, "users");
	struct json_object *reasons = answer_member(answer, "refusal_reasons");
	char more[LABELS_LEN + 64], label[64];

	print_family(out, "refused_total", "counter",
	    "Connections of the user that were refused, by reason.");
	for (size_t i = 0; i < answer_count(users) * answer_count(reasons);
	     i++) {
		struct json_object *user =
		    answer_item(users, i / answer_count(reasons));
		const char *reason = json_object_get_string(
		    answer_item(reasons, i % answer_count(reasons)));

		snprintf(label, sizeof(label), ",reason=\"%s\"", reason);
		print_sample(out, "refused_total",
		    user_label(user, label, more, sizeof(more)),
		    answer_number(answer_member(user, "refused"), reason));
	}
}

static void
print_gates(struct json_object *answer, FILE *out)
{
	struct json_object *gates = answer_member(answer, "gates");
	struct json_object *server = answer_member(answer, "server");
	char more[LABELS_LEN];

	if (server)
		print_gauge(out, "server_last_answer_timestamp_seconds",
		    "When bytes last came from the server half, since the "
		    "Unix epoch; 0 if never.",
		    answer_number(server, "last_answer"));
	if (answer_count(gates) == 0)
		return;
	print_family(out, "gate_last_request_timestamp_seconds", "gauge",
	    "When the last request of a user came from the gate, since the "
	    "Unix epoch.");
	for (size_t i = 0; i < answer_count(gates); i++) {
		struct json_object *gate = answer_item(gates, i);

		snprintf(more, sizeof(more), ",gate=\"%s\"",
		    answer_text(gate, "address"));
		print_sample(out, "gate_last_request_timestamp_seconds", more,
		    answer_number(gate, "last_request"));
	}
}

void
metrics_print(struct json_object *answer, FILE *out)
{
	struct json_object *users = answer_member(answer, "users");
	struct json_object *listeners = answer_member(answer, "listeners");
	struct json_object *first = answer_item(listeners, 0);

	snprintf(half_labels, sizeof(half_labels), "half=\"%s\",listen=\"%s\"",
	    answer_text(answer, "half"),
	    first ? json_object_get_string(first) : "");
	print_process(answer, out);
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		print_users(users, &families[i], out);
	print_refused(answer, out);
	print_gates(answer, out);
	fputs("# EOF\n", out);
}
