#include "config/values.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/duration.h"
#include "net/congestion.h"
#include "net/endpoint.h"
#include "net/local_bind.h"
#include "net/mark.h"
#include "net/prefix_list.h"
#include "net/target.h"

void
value_endpoint(struct reader *reader, const struct json5 *value, void *field)
{
	const char *text = reader_text(reader, value);
	const char *wrong = text ? endpoint_parse(text, field) : NULL;

	if (wrong)
		reader_fail_address(reader, value, text, wrong);
}

/* poll(2) cannot wait for longer, and nothing needs to. */
static void
take_span(struct reader *reader, const struct json5 *value, int64_t given_ms,
    int64_t *ms)
{
	*ms = given_ms < DURATION_MAX_MS ? given_ms : DURATION_MAX_MS;
	if (given_ms > DURATION_MAX_MS)
		reader_warn(reader, value,
		    "the longest time is 596 hours, which is used instead; 0 "
		    "is no limit");
}

static void
read_seconds(struct reader *reader, const struct json5 *value, int64_t seconds,
    int64_t *ms)
{
	if (seconds < 0)
		reader_fail(reader, value,
		    "%" PRId64 ": a time must be 0 seconds or more", seconds);
	else if (seconds > DURATION_MAX_MS / 1000)
		take_span(reader, value, INT64_MAX, ms);
	else
		*ms = seconds * 1000;
}

static void
read_span(struct reader *reader, const struct json5 *value, int64_t *ms)
{
	const char *text = reader_text(reader, value);
	int64_t given_ms;

	if (text && duration_parse(text, &given_ms))
		take_span(reader, value, given_ms, ms);
	else if (text)
		reader_fail(reader, value,
		    "\"%.80s\": this is not a time such as \"5m\", \"1h30m\", "
		    "\"300ms\"",
		    text);
}

void
value_duration(struct reader *reader, const struct json5 *value, void *field)
{
	int64_t seconds;

	if (json5_integer(value, &seconds))
		read_seconds(reader, value, seconds, field);
	else if (json5_type(value) == JSON5_STRING)
		read_span(reader, value, field);
	else
		reader_fail(reader, value,
		    "this must be a time such as \"5m\" or whole seconds, "
		    "not %s",
		    json5_type_name(json5_type(value)));
}

void
value_digest(struct reader *reader, const struct json5 *value, void *field)
{
	const char *text;
	size_t len;

	if (!reader_expect(reader, value, JSON5_STRING))
		return;
	text = json5_string(value, &len);
	digest_compute(text, len, field);
}

void
value_count(struct reader *reader, const struct json5 *value, void *field)
{
	int64_t number;

	if (!reader_expect(reader, value, JSON5_INTEGER) ||
	    !json5_integer(value, &number))
		return;
	if (number < 1 || number > INT32_MAX)
		reader_fail(reader, value,
		    "%" PRId64 ": this must be a number from 1 to %d", number,
		    INT32_MAX);
	else
		*(size_t *)field = (size_t)number;
}

static void
fail_choice(struct reader *reader, const struct json5 *value, const char *text,
    const char *const *words)
{
	char choices[128] = "";
	size_t len = 0;

	for (size_t i = 0; words[i] && len < sizeof(choices); i++)
		len += (size_t)snprintf(choices + len, sizeof(choices) - len,
		    "%s\"%s\"",
		    i == 0             ? ""
			: words[i + 1] ? ", "
				       : " or ",
		    words[i]);
	reader_fail(reader, value, "\"%.80s\": this is %s", text, choices);
}

/* With GCC and clang an enum without negative values is an unsigned int. */
void
value_choice(struct reader *reader, const struct json5 *value,
    const char *const words[], void *field)
{
	const char *text = reader_text(reader, value);
	unsigned chosen = 0;

	if (!text || !*text)
		return;
	while (words[chosen] && strcmp(words[chosen], text) != 0)
		chosen++;
	if (words[chosen])
		memcpy(field, &chosen, sizeof(chosen));
	else
		fail_choice(reader, value, text, words);
}

void
value_flag(struct reader *reader, const struct json5 *value, void *field)
{
	if (reader_expect(reader, value, JSON5_BOOLEAN))
		json5_boolean(value, field);
}

static bool
is_congestion_name(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= CONGESTION_MAX_LEN &&
	    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len;
}

void
value_congestion(struct reader *reader, const struct json5 *value, void *field)
{
	const char *text = reader_text(reader, value);

	if (text && is_congestion_name(text))
		strcpy(field, text);
	else if (text)
		reader_fail(reader, value,
		    "\"%.80s\": this is the name of a congestion control, such "
		    "as \"bbr\" or \"cubic\"",
		    text);
}

static bool
read_whole_mark(
    struct reader *reader, const struct json5 *value, uint32_t *mark)
{
	int64_t number;

	if (!reader_expect(reader, value, JSON5_INTEGER) ||
	    !json5_integer(value, &number))
		return false;
	if (number < 0 || number > UINT32_MAX) {
		reader_fail(reader, value,
		    "%" PRId64 ": a mark must be 0 to 0xffffffff", number);
		return false;
	}
	*mark = (uint32_t)number;
	return true;
}

void
value_fwmark(struct reader *reader, const struct json5 *value, void *field)
{
	struct local_bind *local_bind = field;

	if (read_whole_mark(reader, value, &local_bind->mark))
		local_bind->marked = true;
}

void
value_mark(struct reader *reader, const struct json5 *value, void *field)
{
	const char *text = json5_string(value, NULL), *wrong;
	struct mark mark = { .mask = UINT32_MAX };

	if (text)
		wrong = mark_parse(text, &mark);
	else if (read_whole_mark(reader, value, &mark.value))
		wrong = mark_check(&mark);
	else
		return;
	if (wrong)
		reader_fail(
		    reader, value, "\"%.80s\": %s", text ? text : "0", wrong);
	else
		*(struct mark *)field = mark;
}

void
value_local_addr(struct reader *reader, const struct json5 *value, void *field)
{
	const char *text = reader_text(reader, value);
	const char *wrong =
	    text && *text ? local_bind_parse_local(text, field) : NULL;

	if (wrong)
		reader_fail_address(reader, value, text, wrong);
}

/* Reports what is wrong with a prefix or target, and how it was taken. */
static void
check_prefix(struct reader *reader, const struct json5 *value, const char *text,
    const char *wrong, const char *taken)
{
	if (wrong)
		reader_fail_address(reader, value, text, wrong);
	else if (taken)
		reader_warn(reader, value,
		    "\"%.80s\" has bits set behind the prefix; used as %s",
		    text, taken);
}

bool
value_prefix(struct reader *reader, const struct json5 *value, const char *text,
    struct prefix *prefix)
{
	char taken[PREFIX_STRLEN];
	bool masked = false;
	const char *wrong = prefix_parse(text, prefix, &masked);

	check_prefix(reader, value, text, wrong,
	    masked && !wrong ? prefix_format(prefix, taken) : NULL);
	return !wrong;
}

static void
read_target(
    struct reader *reader, const struct json5 *value, struct target *target)
{
	const char *text = reader_text(reader, value);
	char taken[TARGET_STRLEN];
	const char *wrong;
	bool masked = false;

	if (!text)
		return;
	wrong = target_parse(text, target, &masked);
	check_prefix(reader, value, text, wrong,
	    masked && !wrong ? target_format(target, taken) : NULL);
}

/* Returns memory for the items of an array, or NULL if there are none. */
static void *
allocate_items(struct reader *reader, const struct json5 *value, size_t size)
{
	if (!reader_expect(reader, value, JSON5_ARRAY) ||
	    json5_count(value) == 0)
		return NULL;
	return reader_allocate(reader, json5_count(value), size);
}

void
value_prefixes(struct reader *reader, const struct json5 *value, void *field)
{
	struct prefix_list *list = field;

	list->items = allocate_items(reader, value, sizeof(*list->items));
	if (!list->items)
		return;
	list->count = list->room = json5_count(value);
	for (size_t i = 0; i < list->count; i++) {
		const struct json5 *item = json5_item(value, i);
		const char *text = reader_text(reader, item);

		if (text)
			value_prefix(reader, item, text, &list->items[i]);
	}
}

void
value_targets(struct reader *reader, const struct json5 *value, void *field)
{
	struct target_list *list = field;

	list->is_given = true;
	list->items = allocate_items(reader, value, sizeof(*list->items));
	if (!list->items)
		return;
	list->count = json5_count(value);
	for (size_t i = 0; i < list->count; i++)
		read_target(reader, json5_item(value, i), &list->items[i]);
}
