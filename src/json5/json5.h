#ifndef JSON5_JSON5_H
#define JSON5_JSON5_H

/*
 * Reads JSON5 (spec.json5.org) into a tree of values that know their position
 * in the text. Every valid document is read. Invalid text is refused, and so
 * are duplicate keys, keys that hold \u0000 and more than 64 levels of nesting.
 * The C library decides which letters beyond ASCII need no quotes in a key;
 * without a C.UTF-8 locale all of them need quotes.
 *
 * The tree is immutable, so threads may share it. The caller of json5_parse()
 * destroys it. No argument may be NULL unless its function says so.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json5/position.h"

enum json5_type {
	JSON5_NULL,
	JSON5_BOOLEAN,
	JSON5_INTEGER, /* no fraction, no exponent, fits in int64_t */
	JSON5_NUMBER,  /* any other, also Infinity and NaN; its value is lost */
	JSON5_STRING,
	JSON5_ARRAY,
	JSON5_OBJECT,
};

/* A value. The root owns all values below it. */
struct json5;

/*
 * The text need not end with NUL and is not kept. Returns the root, or NULL and
 * fills in *error, also when memory is out.
 */
struct json5 *json5_parse(
    const char *text, size_t len, struct json5_error *error);

/* Takes only a root, or NULL. Strings are wiped: one may be a secret. */
void json5_destroy(struct json5 *root);

enum json5_type json5_type(const struct json5 *value);

/*
 * For messages: "null", "a boolean", "an integer", "a number", "a string",
 * "an array", "an object".
 */
const char *json5_type_name(enum json5_type type);

/* The position where the value starts. */
struct json5_position json5_position(const struct json5 *value);

/* The position of its key; of the value itself for an item or the root. */
struct json5_position json5_key_position(const struct json5 *value);

/*
 * The path: "inbound.listen", "acl[2].name", "" for the root. A key that is no
 * plain identifier looks like ["odd key"]. Characters that a terminal does not
 * show are escaped (["a\u001b"]). A path that is too long ends in "...". It
 * lives as long as the value.
 */
const char *json5_path(const struct json5 *value);

/* The decoded key of a member; NULL for other values. */
const char *json5_key(const struct json5 *value);

/*
 * The decoded string; NULL for another type. It ends with NUL but may also hold
 * NULs before that, so *len is its length. len may be NULL.
 */
const char *json5_string(const struct json5 *value, size_t *len);

/* Writes *number only if the value is an integer. */
bool json5_boolean(const struct json5 *value, bool *truth);
bool json5_integer(const struct json5 *value, int64_t *number);

/*
 * The number of items of an array or members of an object; 0 for other types.
 */
size_t json5_count(const struct json5 *value);

/* NULL if there is none, or if the value is no array or no object. */
const struct json5 *json5_item(const struct json5 *array, size_t index);
const struct json5 *json5_member(const struct json5 *object, const char *key);

/*
 * The first member behind the previous one, in the order of the text, whose key
 * is not in the list known, which ends with NULL. previous may be NULL: start
 * with the first member. NULL if there is none.
 */
const struct json5 *json5_unexpected(const struct json5 *object,
    const char *const known[], const struct json5 *previous);

#endif
