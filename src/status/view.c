#include "status/view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "status/answer.h"
#include "status/table.h"
#include "status/units.h"

#define LABEL_WIDTH 13
#define NUMBER_STRLEN 24

/* Lines of a live screen that are no users': the head, titles, the rest. */
#define LIVE_LINES 5

static const char *
format_number(int64_t number, char text[NUMBER_STRLEN])
{
	snprintf(text, NUMBER_STRLEN, "%" PRId64, number);
	return text;
}

static const char *
plural(int64_t count)
{
	return count == 1 ? "" : "s";
}

/* "label        text" */
static void __attribute__((format(printf, 4, 5)))
print_line(const struct screen *screen, const char *label,
    enum screen_style style, const char *format, ...)
{
	size_t len = screen_print(screen, SCREEN_DIM, label, screen->width);
	char text[1024];
	va_list arguments;

	for (; len < LABEL_WIDTH; len++)
		putc(' ', screen->out);
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	screen_print(screen, style, text, SIZE_MAX);
	putc('\n', screen->out);
}

static void
print_head(struct json_object *answer, const struct screen *screen)
{
	char up[UNITS_STRLEN], text[256];
	int64_t now = answer_number(answer, "now");

	units_age(now - answer_number(answer, "started_at"), up);
	snprintf(text, sizeof(text), "srcproxy %s %s",
	    answer_text(answer, "version"), answer_text(answer, "half"));
	screen_print(screen, SCREEN_BOLD, text, screen->width);
	fprintf(screen->out, "  %s, pid %" PRId64 ", up %s\n",
	    answer_text(answer, "state"), answer_number(answer, "pid"), up);
}

static void
print_config(struct json_object *answer, const struct screen *screen)
{
	struct json_object *config = answer_member(answer, "config");
	int64_t now = answer_number(answer, "now");
	int64_t failed_at = answer_number(config, "failed_at");
	char ago[UNITS_STRLEN];

	units_ago(now, answer_number(config, "read_at"), ago);
	print_line(screen, "config", SCREEN_PLAIN, "%s, read %s",
	    answer_text(config, "path"), ago);
	if (!failed_at)
		return;
	units_ago(now, failed_at, ago);
	print_line(screen, "", SCREEN_RED, "not taken %s: %s", ago,
	    answer_text(config, "problem"));
}

static void
print_listeners(struct json_object *answer, const struct screen *screen)
{
	struct json_object *listeners = answer_member(answer, "listeners");

	for (size_t i = 0; i < answer_count(listeners); i++)
		print_line(screen, i ? "" : "listening", SCREEN_PLAIN, "%s",
		    json_object_get_string(answer_item(listeners, i)));
}

static void
print_server(struct json_object *answer, const struct screen *screen)
{
	struct json_object *server = answer_member(answer, "server");
	char ago[UNITS_STRLEN];

	if (!server)
		return;
	units_ago(answer_number(answer, "now"),
	    answer_number(server, "last_answer"), ago);
	print_line(screen, "server", SCREEN_PLAIN, "%s, last answer %s",
	    answer_text(server, "address"), ago);
}

static void
print_limits(struct json_object *answer, const struct screen *screen)
{
	struct json_object *limits = answer_member(answer, "limits");
	int64_t live = answer_number(limits, "connections");
	int64_t max = answer_number(limits, "max_connections");

	print_line(screen, "connections",
	    live >= max ? SCREEN_RED : SCREEN_PLAIN,
	    "%" PRId64 " of %" PRId64 ", bounded by %s", live, max,
	    answer_text(limits, "bounded_by"));
}

static void
print_privileges(struct json_object *answer, const struct screen *screen)
{
	struct json_object *privileges = answer_member(answer, "privileges");
	const char *seccomp = answer_text(privileges, "seccomp");
	const char *landlock = answer_text(privileges, "landlock");
	bool is_on = !strcmp(seccomp, "on") && !strcmp(landlock, "on");

	print_line(screen, "privileges", SCREEN_PLAIN,
	    "uid %" PRId64 ", gid %" PRId64 ", capabilities: %s",
	    answer_number(privileges, "uid"), answer_number(privileges, "gid"),
	    answer_text(privileges, "capabilities"));
	print_line(screen, "sandbox", is_on ? SCREEN_PLAIN : SCREEN_RED,
	    "seccomp %s, landlock %s", seccomp, landlock);
}

static int64_t
refused_total(struct json_object *user)
{
	int64_t total = 0;

	json_object_object_foreach(answer_member(user, "refused"), key, value)
	{
		(void)key;
		total += json_object_get_int64(value);
	}
	return total;
}

/* "12 (denied 10, gone 2)", or "-". */
static const char *
format_refused(struct json_object *user, char *text, size_t size)
{
	int64_t total = refused_total(user);
	const char *gap = " (";
	size_t len;

	if (total == 0)
		return strcpy(text, "-");
	len = (size_t)snprintf(text, size, "%" PRId64, total);
	json_object_object_foreach(answer_member(user, "refused"), key, value)
	{
		int64_t count = json_object_get_int64(value);

		if (count == 0 || len >= size)
			continue;
		len += (size_t)snprintf(
		    text + len, size - len, "%s%s %" PRId64, gap, key, count);
		gap = ", ";
	}
	if (len < size)
		snprintf(text + len, size - len, ")");
	return text;
}

/* As a user is shown: bytes each way, and what they are a second. */
struct traffic {
	struct json_object *user;
	int64_t sent_rate, received_rate;
};

static void
add_user(struct table *table, const struct traffic *traffic, int64_t now)
{
	struct json_object *user = traffic->user;
	char connections[NUMBER_STRLEN], refused[256];
	char sent[UNITS_STRLEN], received[UNITS_STRLEN], seen[UNITS_STRLEN];
	char sent_rate[UNITS_STRLEN], received_rate[UNITS_STRLEN];
	bool is_here = answer_number(user, "connections") > 0;
	const char *cells[] = {
		answer_text(user, "user"),
		format_number(answer_number(user, "connections"), connections),
		units_rate(traffic->sent_rate, sent_rate),
		units_rate(traffic->received_rate, received_rate),
		units_bytes(answer_number(user, "sent"), sent),
		units_bytes(answer_number(user, "received"), received),
		is_here
		    ? "now"
		    : units_ago(now, answer_number(user, "last_seen"), seen),
		format_refused(user, refused, sizeof(refused)),
	};

	table_add(table, cells);
}

static const struct column user_columns[] = {
	{ "USER", false, false },
	{ "CONNS", true, false },
	{ "SENT/S", true, false },
	{ "RECEIVED/S", true, false },
	{ "SENT", true, true },
	{ "RECEIVED", true, true },
	{ "LAST SEEN", true, true },
	{ "REFUSED", false, true },
};

#define USER_COLUMNS (sizeof(user_columns) / sizeof(*user_columns))

static void
print_users(struct json_object *answer, const struct screen *screen,
    const struct traffic *traffic, size_t count, size_t max_rows)
{
	struct table table;

	table_init(&table, user_columns, USER_COLUMNS);
	for (size_t i = 0; i < count; i++)
		add_user(&table, &traffic[i], answer_number(answer, "now"));
	table_print(&table, screen, max_rows);
	table_finish(&table);
}

static void
print_gates(struct json_object *answer, const struct screen *screen)
{
	static const struct column columns[] = {
		{ "GATE", false, false },
		{ "REQUESTS", true, false },
		{ "LAST REQUEST", true, false },
	};
	struct json_object *gates = answer_member(answer, "gates");
	struct table table;

	if (answer_count(gates) == 0)
		return;
	table_init(&table, columns, 3);
	for (size_t i = 0; i < answer_count(gates); i++) {
		struct json_object *gate = answer_item(gates, i);
		char requests[NUMBER_STRLEN], ago[UNITS_STRLEN];
		const char *cells[] = {
			answer_text(gate, "address"),
			format_number(
			    answer_number(gate, "requests"), requests),
			units_ago(answer_number(answer, "now"),
			    answer_number(gate, "last_request"), ago),
		};

		table_add(&table, cells);
	}
	putc('\n', screen->out);
	table_print(&table, screen, SIZE_MAX);
	table_finish(&table);
}

static void
print_refusals(struct json_object *answer, const struct screen *screen)
{
	static const struct column columns[] = {
		{ "REFUSED", true, false },
		{ "USER", false, false },
		{ "SOURCE", false, false },
		{ "DESTINATION", false, false },
		{ "WHY", false, false },
	};
	struct json_object *refusals = answer_member(answer, "refusals");
	struct table table;

	if (answer_count(refusals) == 0)
		return;
	table_init(&table, columns, 5);
	for (size_t i = 0; i < answer_count(refusals); i++) {
		struct json_object *refusal = answer_item(refusals, i);
		const char *source = answer_text(refusal, "source");
		char ago[UNITS_STRLEN], why[300];
		const char *cells[] = {
			units_ago(answer_number(answer, "now"),
			    answer_number(refusal, "at"), ago),
			answer_text(refusal, "user"),
			strcmp(source, "-") ? source
					    : answer_text(refusal, "peer"),
			answer_text(refusal, "destination"),
			why,
		};

		snprintf(why, sizeof(why), "%s: %s",
		    answer_text(refusal, "tried"),
		    answer_text(refusal, "reason"));
		table_add(&table, cells);
	}
	putc('\n', screen->out);
	table_print(&table, screen, SIZE_MAX);
	table_finish(&table);
}

static int64_t
rate_of(struct json_object *user, struct json_object *before, const char *key,
    double seconds)
{
	int64_t moved = answer_number(user, key) - answer_number(before, key);

	return seconds > 0 ? (int64_t)((double)moved / seconds) : 0;
}

/* The users keep their places for as long as the half runs: accounts.h. */
static struct traffic *
measure_traffic(struct json_object *answer, struct json_object *before,
    double seconds, size_t *count)
{
	struct json_object *users = answer_member(answer, "users");
	struct json_object *past = answer_member(before, "users");
	struct traffic *traffic =
	    calloc(answer_count(users) + 1, sizeof(*traffic));

	*count = traffic ? answer_count(users) : 0;
	for (size_t i = 0; i < *count; i++) {
		struct json_object *user = answer_item(users, i);
		struct json_object *then = answer_item(past, i);

		traffic[i].user = user;
		traffic[i].sent_rate = then
		    ? rate_of(user, then, "sent", seconds)
		    : answer_number(user, "sent_rate");
		traffic[i].received_rate = then
		    ? rate_of(user, then, "received", seconds)
		    : answer_number(user, "received_rate");
	}
	return traffic;
}

/* The busiest first, and of those who are quiet who has most connections. */
static int
compare_traffic(const void *a, const void *b)
{
	const struct traffic *first = a, *second = b;
	int64_t rates[] = { first->sent_rate + first->received_rate,
		second->sent_rate + second->received_rate };
	int64_t counts[] = { answer_number(first->user, "connections"),
		answer_number(second->user, "connections") };

	if (rates[0] != rates[1])
		return rates[0] < rates[1] ? 1 : -1;
	return (counts[0] < counts[1]) - (counts[0] > counts[1]);
}

void
view_print(struct json_object *answer, const struct screen *screen)
{
	size_t count;
	struct traffic *traffic = measure_traffic(answer, NULL, 0, &count);

	print_head(answer, screen);
	print_config(answer, screen);
	print_listeners(answer, screen);
	print_server(answer, screen);
	print_limits(answer, screen);
	print_privileges(answer, screen);
	putc('\n', screen->out);
	print_users(answer, screen, traffic, count, SIZE_MAX);
	print_gates(answer, screen);
	print_refusals(answer, screen);
	free(traffic);
}

static void
add_connection(struct table *table, struct json_object *connection)
{
	char number[NUMBER_STRLEN], sent[UNITS_STRLEN], received[UNITS_STRLEN];
	char age[UNITS_STRLEN], idle[UNITS_STRLEN];
	const char *cells[] = {
		format_number(answer_number(connection, "id"), number),
		answer_text(connection, "user"),
		answer_text(connection, "source"),
		answer_text(connection, "destination"),
		units_bytes(answer_number(connection, "sent"), sent),
		units_bytes(answer_number(connection, "received"), received),
		units_age(answer_number(connection, "age_ms") / 1000, age),
		units_age(answer_number(connection, "idle_ms") / 1000, idle),
		answer_text(connection, "state"),
		answer_text(connection, "used"),
	};

	table_add(table, cells);
}

void
view_print_connections(struct json_object *answer, const struct screen *screen)
{
	static const struct column columns[] = {
		{ "ID", true, false },
		{ "USER", false, false },
		{ "SOURCE", false, false },
		{ "DESTINATION", false, false },
		{ "SENT", true, false },
		{ "RECEIVED", true, false },
		{ "AGE", true, true },
		{ "IDLE", true, true },
		{ "STATE", false, true },
		{ "USED", false, true },
	};
	struct json_object *connections = answer_member(answer, "connections");
	size_t count = answer_count(connections);
	struct table table;

	table_init(&table, columns, 10);
	for (size_t i = 0; i < count; i++)
		add_connection(&table, answer_item(connections, i));
	table_print(&table, screen, SIZE_MAX);
	table_finish(&table);
}

void
view_print_live(struct json_object *answer, struct json_object *before,
    double seconds, const struct screen *screen)
{
	struct json_object *limits = answer_member(answer, "limits");
	size_t count, rows = SIZE_MAX;
	struct traffic *traffic =
	    measure_traffic(answer, before, seconds, &count);
	int64_t live = answer_number(limits, "connections");

	if (screen->height != SIZE_MAX)
		rows = screen->height > LIVE_LINES ? screen->height - LIVE_LINES
						   : 1;
	qsort(traffic, count, sizeof(*traffic), compare_traffic);
	print_head(answer, screen);
	print_line(screen, "connections", SCREEN_PLAIN,
	    "%" PRId64 " of %" PRId64 ", %zu user%s", live,
	    answer_number(limits, "max_connections"), count,
	    plural((int64_t)count));
	print_users(answer, screen, traffic, count, rows);
	free(traffic);
}
