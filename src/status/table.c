#include "status/table.h"

#include <stdlib.h>
#include <string.h>

#define GAP 2

void
table_init(
    struct table *table, const struct column *columns, size_t column_count)
{
	memset(table, 0, sizeof(*table));
	table->columns = columns;
	table->column_count = column_count;
}

static char **
row_of(const struct table *table, size_t row)
{
	return table->cells + row * table->column_count;
}

static bool
grow(struct table *table)
{
	size_t room = table->room ? 2 * table->room : 16;
	char **cells;

	if (table->row_count < table->room)
		return true;
	cells =
	    realloc(table->cells, room * table->column_count * sizeof(*cells));
	if (!cells)
		return false;
	table->cells = cells;
	table->room = room;
	return true;
}

void
table_add(struct table *table, const char *const cells[])
{
	bool is_whole = grow(table);
	char **row;

	if (!is_whole) {
		table->is_out_of_memory = true;
		return;
	}
	row = row_of(table, table->row_count++);
	for (size_t i = 0; i < table->column_count; i++) {
		row[i] = strdup(cells[i]);
		table->is_out_of_memory |= !row[i];
	}
}

static const char *
cell_of(const struct table *table, size_t row, size_t column)
{
	const char *cell = row_of(table, row)[column];

	return cell ? cell : "?";
}

static size_t
max_of(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* A width of 0: the column is left out. */
static void
measure(const struct table *table, size_t rows, size_t *widths)
{
	for (size_t i = 0; i < table->column_count; i++) {
		widths[i] = strlen(table->columns[i].title);
		for (size_t row = 0; row < rows; row++)
			widths[i] =
			    max_of(widths[i], strlen(cell_of(table, row, i)));
	}
}

static size_t
total_of(const size_t *widths, size_t count)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += widths[i] ? widths[i] + GAP : 0;
	return total ? total - GAP : 0;
}

static void
fit(const struct table *table, size_t width, size_t *widths)
{
	for (size_t i = table->column_count; i-- > 0;) {
		if (total_of(widths, table->column_count) <= width)
			return;
		if (table->columns[i].is_optional)
			widths[i] = 0;
	}
}

static void
print_blanks(const struct screen *screen, size_t count)
{
	for (; count > 0; count--)
		putc(' ', screen->out);
}

/* Blanks in front of what is to the right, and between columns; none behind. */
static void
print_row(const struct table *table, const struct screen *screen,
    const char *const cells[], const size_t *widths, enum screen_style style)
{
	size_t at = 0, owed = 0;

	for (size_t i = 0; i < table->column_count; i++) {
		const char *cell = cells[i] ? cells[i] : "?";
		size_t len = strlen(cell);
		size_t fill = widths[i] > len ? widths[i] - len : 0;

		if (widths[i] == 0)
			continue;
		owed += table->columns[i].is_number ? fill : 0;
		if (at + owed >= screen->width)
			break;
		if (len > 0) {
			print_blanks(screen, owed);
			at += owed;
			owed = 0;
			at += screen_print(
			    screen, style, cell, screen->width - at);
		}
		owed += GAP + (table->columns[i].is_number ? 0 : fill);
	}
	putc('\n', screen->out);
}

void
table_print(
    const struct table *table, const struct screen *screen, size_t max_rows)
{
	size_t rows = table->row_count < max_rows ? table->row_count : max_rows;
	const char *titles[TABLE_COLUMNS_MAX];
	size_t widths[TABLE_COLUMNS_MAX];

	measure(table, rows, widths);
	fit(table, screen->width, widths);
	for (size_t i = 0; i < table->column_count; i++)
		titles[i] = table->columns[i].title;
	print_row(table, screen, titles, widths, SCREEN_BOLD);
	for (size_t row = 0; row < rows; row++)
		print_row(table, screen,
		    (const char *const *)row_of(table, row), widths,
		    SCREEN_PLAIN);
	if (rows < table->row_count)
		fprintf(
		    screen->out, "... and %zu more\n", table->row_count - rows);
}

void
table_finish(struct table *table)
{
	for (size_t i = 0; i < table->row_count * table->column_count; i++)
		free(table->cells[i]);
	free(table->cells);
	table->cells = NULL;
	table->row_count = 0;
}
