#ifndef JSON5_SCAN_H
#define JSON5_SCAN_H

/*
 * The tokens of JSON5: characters and their positions, white space, comments,
 * strings, numbers, keys. json5.c, the only user, has the grammar above them
 * and the tree.
 *
 * A function that returns false has written *error. The scan can then only be
 * finished.
 */

#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json5/position.h"

struct json5_scan {
	const char *at, *end;
	uint32_t c;   /* the character at the cursor; 0 at the end only */
	size_t c_len; /* its bytes */
	struct json5_position position; /* of the cursor */
	const char *path; /* for errors; the parser keeps it up to date */
	char *word;       /* the last string or key, decoded; ends with NUL */
	size_t
	    word_size; /* of its memory, which secrets pass through, so it is wiped */
	size_t word_len;
	uint32_t
	    high; /* an escaped high surrogate at the end of the word; 0: none */
	locale_t unicode; /* 0: none, or the text is plain ASCII */
	struct json5_error *error;
};

struct json5_number {
	bool is_integer; /* written as an integer, and fits */
	int64_t integer; /* only if it is one */
};

/*
 * Borrows text and error until json5_scan_finish(). Checks the whole text
 * first: it must be UTF-8 without NUL. After a failure there is nothing to
 * finish.
 */
bool json5_scan_init(struct json5_scan *scan, const char *text, size_t len,
    struct json5_error *error);
void json5_scan_finish(struct json5_scan *scan);

/* Writes the error; always returns false. */
bool json5_scan_fail(struct json5_scan *scan, struct json5_position position,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * The same at the cursor: "expected WHAT but found", and the character there.
 */
bool json5_scan_expected(struct json5_scan *scan, const char *what);

/* Skips white space and comments. */
bool json5_scan_space(struct json5_scan *scan);

/* If the cursor is at c, steps over it and returns true. Never fails. */
bool json5_scan_accept(struct json5_scan *scan, char c);

/* The same for a whole word, such as "null". */
bool json5_scan_literal(struct json5_scan *scan, const char *literal);

/* Reads a string; the cursor is at its quote. Fills in word and word_len. */
bool json5_scan_string(struct json5_scan *scan);

/* Reads the key of a member, with or without quotes, in the same way. */
bool json5_scan_key(struct json5_scan *scan);

/*
 * Reads a number. Anything else here is no value, and is refused as that, so
 * try all other kinds of values first.
 */
bool json5_scan_number(struct json5_scan *scan, struct json5_number *number);

#endif
