#ifndef STATUS_TABLE_H
#define STATUS_TABLE_H

/*
 * Rows of text in columns as wide as they need to be. Where the screen is too
 * narrow, optional columns are left out, the last one first, and lines are cut.
 */

#include <stdbool.h>
#include <stddef.h>

#include "status/screen.h"

#define TABLE_COLUMNS_MAX 10

struct column {
	const char *title;
	bool is_number;   /* to the right */
	bool is_optional; /* where there is no room */
};

struct table {
	const struct column *columns;
	size_t column_count;
	char **cells; /* row by row; the table's */
	size_t row_count, room;
	bool is_out_of_memory;
};

/* columns: lent until table_finish(). */
void table_init(
    struct table *table, const struct column *columns, size_t column_count);

/* A text for each column, of which it takes copies. */
void table_add(struct table *table, const char *const cells[]);

/* At most that many rows, with a line that counts those that are left out. */
void table_print(
    const struct table *table, const struct screen *screen, size_t max_rows);

void table_finish(struct table *table);

#endif
