#include "status/view.h"

#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "status/answer.h"
#include "status/table.h"

#define LABEL_WIDTH 13

/* The lines of a live screen besides the users: two, titles, the rest, shell */
#define LIVE_LINES 5

/* "label        words member, words member" */
struct line {
	const char *label;
	const char *object; /* whose members; NULL: the answer's */
	bool (*is_bad)(struct json_object *object); /* NULL: never */
	struct column members[5];
};

static bool
is_always(struct json_object *object)
{
	return object != NULL;
}

static bool
is_full(struct json_object *limits)
{
	return answer_number(limits, "connections") >=
	    answer_number(limits, "max_connections");
}

static bool
is_open(struct json_object *privileges)
{
	return strcmp(answer_text(privileges, "seccomp"), "on") != 0 ||
	    strcmp(answer_text(privileges, "landlock"), "on") != 0;
}

static const struct line head = { "srcproxy", NULL, NULL,
	{ { "", "version", CELL_TEXT, false },
	    { " ", "half", CELL_TEXT, false },
	    { ", ", "state", CELL_TEXT, false },
	    { ", pid ", "pid", CELL_NUMBER, false },
	    { ", started ", "started_at", CELL_AGO, false } } };

static const struct line limits = { "connections", "limits", is_full,
	{ { "", "connections", CELL_NUMBER, false },
	    { " of ", "max_connections", CELL_NUMBER, false },
	    { ", bounded by ", "bounded_by", CELL_TEXT, false } } };

/* A line whose first member is missing or null is not shown. */
static const struct line lines[] = {
	{ "config", "config", NULL,
	    { { "", "path", CELL_TEXT, false },
		{ ", read ", "read_at", CELL_AGO, false } } },
	{ "", "config", is_always,
	    { { "not taken ", "failed_at", CELL_AGO, false },
		{ ": ", "problem", CELL_TEXT, false } } },
	{ "listening", NULL, NULL, { { "", "listeners", CELL_LIST, false } } },
	{ "server", "server", NULL,
	    { { "", "address", CELL_TEXT, false },
		{ ", last answer ", "last_answer", CELL_AGO, false } } },
	{ "privileges", "privileges", NULL,
	    { { "uid ", "uid", CELL_NUMBER, false },
		{ ", gid ", "gid", CELL_NUMBER, false },
		{ ", capabilities: ", "capabilities", CELL_TEXT, false } } },
	{ "sandbox", "privileges", is_open,
	    { { "seccomp ", "seccomp", CELL_TEXT, false },
		{ ", landlock ", "landlock", CELL_TEXT, false } } },
};

static const struct column users[] = {
	{ "USER", "user", CELL_TEXT, false },
	{ "CONNS", "connections", CELL_NUMBER, false },
	{ "SENT/S", "sent_rate", CELL_RATE, false },
	{ "RECEIVED/S", "received_rate", CELL_RATE, false },
	{ "SENT", "sent", CELL_BYTES, true },
	{ "RECEIVED", "received", CELL_BYTES, true },
	{ "LAST SEEN", "last_seen", CELL_AGO, true },
	{ "REFUSED", "refused", CELL_COUNTS, true },
	{ 0 },
};

static const struct column prefixes[] = {
	{ "PREFIX", "prefix", CELL_TEXT, false },
	{ "SENT", "sent", CELL_BYTES, false },
	{ "RECEIVED", "received", CELL_BYTES, false },
	{ 0 },
};

static const struct column gates[] = {
	{ "GATE", "address", CELL_TEXT, false },
	{ "REQUESTS", "requests", CELL_NUMBER, false },
	{ "LAST REQUEST", "last_request", CELL_AGO, false },
	{ 0 },
};

/* The first one is in use. */
static const struct column servers[] = {
	{ "SERVER", "address", CELL_TEXT, false },
	{ "REQUESTS", "requests", CELL_NUMBER, false },
	{ "LAST REQUEST", "last_request", CELL_AGO, false },
	{ "PROTOCOL", "protocol", CELL_KNOWN, false },
	{ 0 },
};

static const struct column refusals[] = {
	{ "REFUSED", "at", CELL_AGO, false },
	{ "USER", "user", CELL_TEXT, false },
	{ "SOURCE", "source", CELL_TEXT, false },
	{ "DESTINATION", "destination", CELL_TEXT, false },
	{ "WHY", "reason", CELL_TEXT, false },
	{ "TRIED", "tried", CELL_TEXT, true },
	{ "PEER", "peer", CELL_TEXT, true },
	{ 0 },
};

static const struct column connections[] = {
	{ "ID", "id", CELL_NUMBER, false },
	{ "USER", "user", CELL_TEXT, false },
	{ "SOURCE", "source", CELL_TEXT, false },
	{ "DESTINATION", "destination", CELL_TEXT, false },
	{ "SENT", "sent", CELL_BYTES, false },
	{ "RECEIVED", "received", CELL_BYTES, false },
	{ "AGE", "age_ms", CELL_AGE, true },
	{ "IDLE", "idle_ms", CELL_AGE, true },
	{ "STATE", "state", CELL_TEXT, true },
	{ "USED", "used", CELL_TEXT, true },
	{ 0 },
};

static const struct {
	const char *key;
	const struct column *columns;
} tables[] = {
	{ "users", users },
	{ "prefixes", prefixes },
	{ "gates", gates },
	{ "servers", servers },
	{ "refusals", refusals },
};

/* Cuts the line off at that width. */
static void
print_line(const struct screen *screen, const struct line *line,
    struct json_object *answer, size_t width)
{
	size_t room = width > LABEL_WIDTH ? width - LABEL_WIDTH : 0;
	struct json_object *object =
	    line->object ? answer_member(answer, line->object) : answer;
	int64_t now = answer_number(answer, "now");
	char cell[CELL_STRLEN];
	struct text text;

	if (!answer_member(object, line->members[0].key))
		return;
	text_set(&text, "%s", "");
	for (size_t i = 0; i < 5 && line->members[i].title; i++)
		text_add(&text, "%s%s", line->members[i].title,
		    cell_format(&line->members[i], object, now, cell));
	screen_print(screen, SCREEN_DIM, line->label, width);
	fprintf(screen->out, "%*s",
	    room ? LABEL_WIDTH - (int)strlen(line->label) : 0, "");
	screen_print(screen,
	    line->is_bad && line->is_bad(object) ? SCREEN_RED : SCREEN_PLAIN,
	    text.chars, room);
	putc('\n', screen->out);
}

void
view_print(struct json_object *answer, const struct screen *screen)
{
	print_line(screen, &head, answer, SIZE_MAX);
	print_line(screen, &limits, answer, SIZE_MAX);
	for (size_t i = 0; i < COUNT(lines); i++)
		print_line(screen, &lines[i], answer, SIZE_MAX);
	for (size_t i = 0; i < COUNT(tables); i++) {
		struct json_object *array =
		    answer_member(answer, tables[i].key);

		if (answer_count(array) == 0)
			continue;
		putc('\n', screen->out);
		table_print(screen, tables[i].columns, array,
		    answer_number(answer, "now"), SIZE_MAX);
	}
}

void
view_print_connections(struct json_object *answer, const struct screen *screen)
{
	table_print(screen, connections, answer_member(answer, "connections"),
	    answer_number(answer, "now"), SIZE_MAX);
}

static void
set_rate(struct json_object *user, struct json_object *before, const char *key,
    const char *rate_key, double seconds)
{
	int64_t moved = answer_number(user, key) - answer_number(before, key);

	json_object_object_add(user, rate_key,
	    json_object_new_int64((int64_t)((double)moved / seconds)));
}

/* The users keep their places for as long as the half runs: accounts.h. */
static void
set_rates(struct json_object *array, struct json_object *before, double seconds)
{
	for (size_t i = 0; i < answer_count(array); i++) {
		struct json_object *user = json_object_array_get_idx(array, i);
		struct json_object *then = i < answer_count(before)
		    ? json_object_array_get_idx(before, i)
		    : NULL;

		if (!then)
			continue;
		set_rate(user, then, "sent", "sent_rate", seconds);
		set_rate(user, then, "received", "received_rate", seconds);
	}
}

static int64_t
rate_of(struct json_object *user)
{
	return answer_number(user, "sent_rate") +
	    answer_number(user, "received_rate");
}

/* The busiest first, and among quiet users those with more connections. */
static int
compare_users(const void *a, const void *b)
{
	struct json_object *first = *(struct json_object *const *)a;
	struct json_object *second = *(struct json_object *const *)b;
	int64_t less = rate_of(first) - rate_of(second);

	if (less == 0)
		less = answer_number(first, "connections") -
		    answer_number(second, "connections");
	return (less < 0) - (less > 0);
}

/* The array itself keeps its order, for the rates of the next time. */
static struct json_object *
sort_users(struct json_object *array)
{
	struct json_object *sorted = json_object_new_array();

	for (size_t i = 0; i < answer_count(array); i++)
		json_object_array_add(sorted,
		    json_object_get(json_object_array_get_idx(array, i)));
	json_object_array_sort(sorted, compare_users);
	return sorted;
}

void
view_print_live(struct json_object *answer, struct json_object *before,
    double seconds, const struct screen *screen)
{
	struct json_object *array = answer_member(answer, "users"), *sorted;
	size_t room =
	    screen->height > LIVE_LINES ? screen->height - LIVE_LINES : 1;

	/* After a hand-over the users may have other places. */
	if (answer_number(before, "started_at") ==
	    answer_number(answer, "started_at"))
		set_rates(array, answer_member(before, "users"), seconds);
	sorted = sort_users(array);
	/* A line that wraps would scroll the first ones away. */
	print_line(screen, &head, answer, screen->width);
	print_line(screen, &limits, answer, screen->width);
	table_print(screen, users, sorted, answer_number(answer, "now"), room);
	json_object_put(sorted);
}
