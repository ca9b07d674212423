#include "status/table.h"

#include <inttypes.h>
#include <string.h>

#include "status/answer.h"
#include "status/units.h"

#define GAP 2

static const char *
format_list(struct json_object *array, char text[CELL_STRLEN])
{
	size_t len = 0;

	*text = '\0';
	for (size_t i = 0; i < answer_count(array) && len < CELL_STRLEN; i++)
		len += (size_t)snprintf(text + len, CELL_STRLEN - len, "%s%s",
		    i ? ", " : "",
		    json_object_get_string(
			json_object_array_get_idx(array, i)));
	return text;
}

static const char *
format_counts(struct json_object *counts, char text[CELL_STRLEN])
{
	char parts[CELL_STRLEN] = "";
	int64_t total = 0;
	size_t len = 0;

	json_object_object_foreach(counts, key, value)
	{
		int64_t count = json_object_get_int64(value);

		total += count;
		if (count > 0 && len < sizeof(parts))
			len +=
			    (size_t)snprintf(parts + len, sizeof(parts) - len,
				"%s%s %" PRId64, len ? ", " : "", key, count);
	}
	if (total == 0)
		return "-";
	snprintf(text, CELL_STRLEN, "%" PRId64 " (%.400s)", total, parts);
	return text;
}

const char *
cell_format(const struct column *column, struct json_object *object,
    int64_t now, char text[CELL_STRLEN])
{
	struct json_object *member = answer_member(object, column->key);
	int64_t number = json_object_get_int64(member);

	switch (column->cell) {
	case CELL_TEXT:
		break;
	case CELL_LIST:
		return format_list(member, text);
	case CELL_COUNTS:
		return member ? format_counts(member, text) : "-";
	case CELL_KNOWN:
		return member ? json_object_get_string(member) : "unknown";
	case CELL_NUMBER:
		snprintf(text, CELL_STRLEN, "%" PRId64, number);
		return text;
	case CELL_BYTES:
		return units_bytes(number, text);
	case CELL_RATE:
		return units_rate(number, text);
	case CELL_AGE:
		return units_age(number / 1000, text);
	case CELL_AGO:
		return units_ago(now, number, text);
	}
	return answer_text(object, column->key);
}

/* The title if there is no row. */
static const char *
text_of(const struct column *column, struct json_object *row, int64_t now,
    char text[CELL_STRLEN])
{
	return row ? cell_format(column, row, now, text) : column->title;
}

static void
widen(const struct column *columns, struct json_object *row, int64_t now,
    size_t *widths)
{
	char text[CELL_STRLEN];

	for (size_t i = 0; columns[i].title; i++) {
		size_t len = strlen(text_of(&columns[i], row, now, text));

		if (widths[i] < len)
			widths[i] = len;
	}
}

/* A width of 0: the column is left out. */
static void
fit(const struct column *columns, size_t width, size_t *widths)
{
	size_t total = 0, i;

	for (i = 0; columns[i].title; i++)
		total += widths[i] + (i ? GAP : 0);
	while (i-- > 0 && total > width) {
		if (!columns[i].is_optional)
			continue;
		total -= widths[i] + (i ? GAP : 0);
		widths[i] = 0;
	}
}

/* Prints blanks before a number and between columns; none at the end. */
static void
print_row(const struct screen *screen, const struct column *columns,
    struct json_object *row, int64_t now, const size_t *widths)
{
	size_t at = 0, owed = 0;
	char text[CELL_STRLEN];

	for (size_t i = 0; columns[i].title; i++) {
		const char *cell = text_of(&columns[i], row, now, text);
		size_t len = strlen(cell);
		size_t fill = widths[i] > len ? widths[i] - len : 0;
		bool is_number = columns[i].cell >= CELL_NUMBER;

		if (widths[i] == 0)
			continue;
		owed += is_number ? fill : 0;
		if (at + owed >= screen->width)
			break;
		if (len > 0) {
			fprintf(screen->out, "%*s", (int)owed, "");
			at += owed;
			at += screen_print(screen,
			    row ? SCREEN_PLAIN : SCREEN_BOLD, cell,
			    screen->width - at);
			owed = 0;
		}
		owed += GAP + (is_number ? 0 : fill);
	}
	putc('\n', screen->out);
}

void
table_print(const struct screen *screen, const struct column *columns,
    struct json_object *array, int64_t now, size_t max_rows)
{
	size_t count = answer_count(array);
	size_t shown = count < max_rows ? count : max_rows;
	size_t widths[TABLE_COLUMNS_MAX] = { 0 };

	widen(columns, NULL, now, widths);
	for (size_t i = 0; i < shown; i++)
		widen(
		    columns, json_object_array_get_idx(array, i), now, widths);
	fit(columns, screen->width, widths);
	print_row(screen, columns, NULL, now, widths);
	for (size_t i = 0; i < shown; i++)
		print_row(screen, columns, json_object_array_get_idx(array, i),
		    now, widths);
	if (shown < count)
		fprintf(screen->out, "... and %zu more\n", count - shown);
}
