#ifndef JSON5_TEXT_H
#define JSON5_TEXT_H

/* Texts of JSON5 for the tests of json5.c, and checks of their trees. */

#include "json5/json5.h"

/* A document with some of each token that has a beginning and an end. */
#define JSON5_TEXT_SAMPLE_LEN 255
extern const char json5_text_sample[JSON5_TEXT_SAMPLE_LEN + 1];

/* As json5_parse(). */
struct json5 *json5_text_parse(
    const char *text, size_t len, struct json5_error *error);

/* The same; these fail the test if the text is refused. */
struct json5 *json5_text_parse_good(const char *text, size_t len);
struct json5 *json5_text_parse_string(const char *text);

void json5_text_assert_position(
    struct json5_position position, unsigned line, unsigned column);

/*
 * Fails the test unless the tree looks so: without white space, strings in "",
 * doubles with ~ in front, so that 1 and ~1 differ.
 */
void json5_text_assert_renders(const struct json5 *value, const char *expected);

#endif
