#ifndef JSON5_SCAN_H
#define JSON5_SCAN_H

/*
 * The words of JSON5: characters and their places, white space, comments,
 * strings, numbers, keys. The grammar above them and the tree are json5.c's,
 * which is the only user.
 *
 * A function that returns false has written *error, and the scan is then good
 * for nothing but json5_scan_finish.
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
	size_t word_size; /* of its memory, which secrets pass through */
	size_t word_len;
	uint32_t high;    /* an escaped high surrogate that ends the word */
	locale_t unicode; /* 0 where the system has none */
	struct json5_error *error;
};

struct json5_number {
	bool is_integer; /* written as one, and fits */
	int64_t integer; /* only if it is one */
	double real;     /* only if not */
};

/*
 * Borrows text and error until finished. Checks all of the text first: it must
 * be UTF-8 without NUL. After a failure there is nothing to finish.
 */
bool json5_scan_init(struct json5_scan *scan, const char *text, size_t len,
    struct json5_error *error);
void json5_scan_finish(struct json5_scan *scan);

/* Writes the error, always returns false. */
bool json5_scan_fail(struct json5_scan *scan, struct json5_position position,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same, at the cursor: "expected WHAT but found" what is there. */
bool json5_scan_expected(struct json5_scan *scan, const char *what);

/* White space and comments, if any. */
bool json5_scan_space(struct json5_scan *scan);

/* True, and past it, if the cursor is at c. Never fails. */
bool json5_scan_accept(struct json5_scan *scan, char c);

/* The same for a whole word, such as "null". */
bool json5_scan_literal(struct json5_scan *scan, const char *literal);

/* The cursor is at a quote. Fills in word and word_len. */
bool json5_scan_string(struct json5_scan *scan);

/* A member's key, with or without quotes, likewise. */
bool json5_scan_key(struct json5_scan *scan);

/*
 * Whatever else is refused as no value, so this is to be asked last of all
 * kinds of values.
 */
bool json5_scan_number(struct json5_scan *scan, struct json5_number *number);

#endif
