#include "json5_text.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

const char json5_text_sample[JSON5_TEXT_SAMPLE_LEN + 1] =
    "\ufeff// caf\u00e9\n"
    "{\r\n"
    "\t/* all ** kinds */ listen: \":21829\", 'single': 'it\\'s',\n"
    "\t$_\\u0061: [ +1, -.5, 5., 0x1F, 1e-3, Infinity, -NaN, null, ],\n"
    "\t\"k\\x65y\": { on: true, off: false, none: {}, empty: [] },\n"
    "\tlong: 'one \\\n two \\ud83d\\ude00\\0',\u00a0last: 9007199254740993,\n"
    "}";

/* Parses a copy, so that a sanitizer sees a read behind its end. */
struct json5 *
json5_text_parse(const char *text, size_t len, struct json5_error *error)
{
	char *copy = malloc(len);
	struct json5 *root;

	ck_assert(copy || len == 0);
	if (len > 0)
		memcpy(copy, text, len);
	root = json5_parse(len > 0 ? copy : "", len, error);
	free(copy);
	return root;
}

struct json5 *
json5_text_parse_good(const char *text, size_t len)
{
	struct json5_error error;
	struct json5 *root = json5_text_parse(text, len, &error);

	ck_assert_msg(root, "%s: line %u, column %u: %s", text,
	    error.position.line, error.position.column, error.reason);
	return root;
}

struct json5 *
json5_text_parse_string(const char *text)
{
	return json5_text_parse_good(text, strlen(text));
}

void
json5_text_assert_position(
    struct json5_position position, unsigned line, unsigned column)
{
	ck_assert_uint_eq(position.line, line);
	ck_assert_uint_eq(position.column, column);
}

static void
render_string(FILE *out, const char *string, size_t len)
{
	fputc('"', out);
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)string[i];

		if (byte < ' ' || byte > '~')
			fprintf(out, "<%02x>", byte);
		else
			fputc(byte, out);
	}
	fputc('"', out);
}

static void render(FILE *out, const struct json5 *value);

/* Finds each member as the first one that is not among those before it. */
static void
render_members(FILE *out, const struct json5 *object)
{
	const char *known[16] = { NULL };
	const struct json5 *member;

	for (int i = 0; (member = json5_unexpected(object, known, NULL)); i++) {
		ck_assert_int_lt(i, COUNT(known) - 1);
		known[i] = json5_key(member);
		fputs(i > 0 ? "," : "", out);
		render_string(out, known[i], strlen(known[i]));
		fputc(':', out);
		render(out, member);
		ck_assert_ptr_eq(json5_member(object, known[i]), member);
	}
}

/* A number that is no integer has no value: it looks like ~. */
static void
render(FILE *out, const struct json5 *value)
{
	int64_t integer;
	bool truth;
	size_t len;

	if (json5_integer(value, &integer)) {
		fprintf(out, "%lld", (long long)integer);
	} else if (json5_type(value) == JSON5_NUMBER) {
		fputc('~', out);
	} else if (json5_boolean(value, &truth)) {
		fputs(truth ? "true" : "false", out);
	} else if (json5_string(value, &len)) {
		render_string(out, json5_string(value, NULL), len);
	} else if (json5_type(value) == JSON5_ARRAY) {
		fputc('[', out);
		for (size_t i = 0; i < json5_count(value); i++) {
			fputs(i > 0 ? "," : "", out);
			render(out, json5_item(value, i));
		}
		fputc(']', out);
	} else if (json5_type(value) == JSON5_OBJECT) {
		fputc('{', out);
		render_members(out, value);
		fputc('}', out);
	} else {
		ck_assert_int_eq(json5_type(value), JSON5_NULL);
		fputs("null", out);
	}
}

void
json5_text_assert_renders(const struct json5 *value, const char *expected)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(out);
	render(out, value);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_str_eq(text, expected);
	free(text);
}
