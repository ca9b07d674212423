#ifndef JSON5_JSON5_H
#define JSON5_JSON5_H

/*
 * Reads JSON5 (spec.json5.org) into a tree of values that know where in the
 * text they stand. Every valid document is read; everything else is refused,
 * and so are duplicate keys, keys that hold \u0000 and more than 64 levels of
 * nesting. Which letters beyond ASCII need no quotes in a key is for the C
 * library to say; none, where the system has no C.UTF-8 locale.
 *
 * The tree never changes once it is read, so threads may share it; whoever
 * called json5_parse destroys it. No argument may be NULL unless it says so.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json5/position.h"

enum json5_type {
	JSON5_NULL,
	JSON5_BOOLEAN,
	JSON5_INTEGER, /* no fraction, no exponent, and fits in int64_t */
	JSON5_DOUBLE,  /* every other number, Infinity and NaN too */
	JSON5_STRING,
	JSON5_ARRAY,
	JSON5_OBJECT,
};

/* A value. The root owns all that is below it. */
struct json5;

/*
 * The text need not end with NUL and is not kept. Returns the root, or NULL
 * with *error filled in; that includes "out of memory". Numbers are read as
 * LC_NUMERIC has it: the program must stay in the "C" locale.
 */
struct json5 *json5_parse(
    const char *text, size_t len, struct json5_error *error);

/* Only for a root. Strings are wiped: one may be a secret. NULL is fine. */
void json5_destroy(struct json5 *root);

enum json5_type json5_type(const struct json5 *value);

/*
 * For messages: "null", "a boolean", "an integer", "a number", "a string",
 * "an array", "an object".
 */
const char *json5_type_name(enum json5_type type);

/* Where the value starts. */
struct json5_position json5_position(const struct json5 *value);

/* Where its key starts; the value itself if it is an item or the root. */
struct json5_position json5_key_position(const struct json5 *value);

/*
 * "inbound.listen", "acl[2].name", "" for the root. A key that is no plain
 * identifier looks like ["odd key"]; what a terminal would not show is escaped
 * (["a\u001b"]), and what is too long ends in "...". The path lives as long
 * as the value.
 */
const char *json5_path(const struct json5 *value);

/* The decoded key if the value is a member, else NULL. */
const char *json5_key(const struct json5 *value);

/*
 * The decoded string, NULL if it is none. It ends with NUL, but can hold NUL
 * before that: *len tells. len may be NULL.
 */
const char *json5_string(const struct json5 *value, size_t *len);

/* These write only if the type is the one they are named for. */
bool json5_boolean(const struct json5 *value, bool *truth);
bool json5_integer(const struct json5 *value, int64_t *number);
bool json5_double(const struct json5 *value, double *number);

/* The items of an array or members of an object, 0 for anything else. */
size_t json5_count(const struct json5 *value);

/* NULL if there is none, or the value is no array or object. */
const struct json5 *json5_item(const struct json5 *array, size_t index);
const struct json5 *json5_member(const struct json5 *object, const char *key);

/*
 * The first member, as the text has them, whose key is not among the known
 * ones (the list ends with NULL), or the next one behind the previous, which
 * may be NULL. NULL if there is none.
 */
const struct json5 *json5_unexpected(const struct json5 *object,
    const char *const known[], const struct json5 *previous);

#endif
