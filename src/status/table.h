#ifndef STATUS_TABLE_H
#define STATUS_TABLE_H

/*
 * Shows the members of an answer's objects, as lines of words or in columns as
 * wide as they need to be. Where the screen is too narrow, optional columns are
 * left out, the last one first, and lines are cut.
 */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "status/screen.h"

#define TABLE_COLUMNS_MAX 10
#define CELL_STRLEN 512

/* How a member is shown: text to the left, numbers to the right. */
enum cell {
	CELL_TEXT,
	CELL_LIST,   /* an array of texts: "a, b" */
	CELL_COUNTS, /* an object of numbers: "12 (denied 10, gone 2)", "-" */
	CELL_NUMBER,
	CELL_KNOWN, /* a number; null is "unknown" */
	CELL_BYTES,
	CELL_RATE, /* bytes a second */
	CELL_AGE,  /* milliseconds */
	CELL_AGO,  /* seconds since 1970 */
};

struct column {
	const char *title; /* in a line: the words before it */
	const char *key;
	enum cell cell;
	bool is_optional; /* left out where there is no room */
};

/* Returns a text that may be in the object or in text. now: as for CELL_AGO. */
const char *cell_format(const struct column *column, struct json_object *object,
    int64_t now, char text[CELL_STRLEN]);

/*
 * Prints a row for each object of the array. The columns end with one without
 * title. After max_rows a line counts the rows that are left out.
 */
void table_print(const struct screen *screen, const struct column *columns,
    struct json_object *array, int64_t now, size_t max_rows);

#endif
