/* Parses the input, which may be valid JSON5 or not. */

#include "json5/json5.h"

#include <string.h>

#include "fuzz.h"
#include "place.h"

#define MAX_DEPTH 64

static const char *const no_keys[] = { NULL };

static bool
is_one_line(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	}
	return true;
}

static void
render_string(FILE *out, const char *string, size_t len)
{
	fputc('"', out);
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)string[i];

		if (byte < ' ' || byte == '"' || byte == '\\')
			fprintf(out, "\\u%04x", byte);
		else
			fputc(byte, out);
	}
	fputc('"', out);
}

static void
render_scalar(FILE *out, const struct json5 *value)
{
	int64_t integer;
	bool truth;
	size_t len;

	if (json5_integer(value, &integer))
		fprintf(out, "%lld", (long long)integer);
	else if (json5_type(value) == JSON5_NUMBER)
		fputs("0.5", out); /* its value is not kept */
	else if (json5_boolean(value, &truth))
		fputs(truth ? "true" : "false", out);
	else if (json5_string(value, &len))
		render_string(out, json5_string(value, NULL), len);
	else
		fputs("null", out);
}

/* The parser limits the nesting, so this recursion is limited, too. */
static void
render(FILE *out, const struct json5 *value, int depth)
{
	const struct json5 *member = NULL;

	MUST(depth <= MAX_DEPTH);
	if (json5_type(value) == JSON5_ARRAY) {
		fputc('[', out);
		for (size_t i = 0; i < json5_count(value); i++) {
			render(out, json5_item(value, i), depth + 1);
			fputc(',', out);
		}
		fputc(']', out);
	} else if (json5_type(value) == JSON5_OBJECT) {
		fputc('{', out);
		while ((member = json5_unexpected(value, no_keys, member))) {
			const char *key = json5_key(member);

			MUST(json5_member(value, key) == member);
			render_string(out, key, strlen(key));
			fputc(':', out);
			render(out, member, depth + 1);
			fputc(',', out);
		}
		fputc('}', out);
	} else {
		render_scalar(out, value);
	}
}

/* The caller frees it. */
static char *
render_text(const struct json5 *root, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	MUST(out);
	render(out, root, 0);
	MUST(fclose(out) == 0);
	return text;
}

static bool
is_behind(struct json5_position a, struct json5_position b)
{
	return a.line > b.line || (a.line == b.line && a.column > b.column);
}

/* The values have the same order in the text and in the tree. */
static void
check_places(const struct json5 *value, const uint8_t *data, size_t len)
{
	struct json5_position last = json5_position(value);
	struct json5_position key = json5_key_position(value);
	const struct json5 *below = NULL;
	size_t count = json5_count(value), i = 0;

	MUST(place_is_inside(data, len, last.line, last.column));
	MUST(is_one_line(json5_path(value)));
	MUST(!is_behind(key, last));
	MUST(!json5_key(value) == !is_behind(last, key));
	while (i < count) {
		below = json5_type(value) == JSON5_ARRAY
		    ? json5_item(value, i)
		    : json5_unexpected(value, no_keys, below);
		MUST(below && is_behind(json5_key_position(below), last));
		check_places(below, data, len);
		last = json5_position(below);
		i++;
	}
}

/* Reading, writing and reading again gives the same tree. */
static void
check_round_trip(const struct json5 *root)
{
	struct json5_error error;
	size_t text_len, again_len;
	char *text = render_text(root, &text_len), *again;
	struct json5 *copy = json5_parse(text, text_len, &error);

	MUST(copy);
	again = render_text(copy, &again_len);
	MUST(again_len == text_len && !memcmp(again, text, text_len));
	json5_destroy(copy);
	free(again);
	free(text);
}

static void
check_error(const struct json5_error *error, const uint8_t *data, size_t len)
{
	MUST(place_is_inside(
	    data, len, error->position.line, error->position.column));
	MUST(error->reason[0] && is_one_line(error->reason));
	MUST(memchr(error->path, '\0', sizeof(error->path)));
	MUST(is_one_line(error->path));
}

/* An empty line in front changes only the line numbers. */
static void
check_moved(const uint8_t *data, size_t len, const struct json5 *root,
    const struct json5_error *error)
{
	struct json5_error moved_error;
	char *text = calloc(1, len + 1);
	struct json5 *moved;

	MUST(text);
	text[0] = '\n';
	if (len > 0)
		memcpy(text + 1, data, len);
	moved = json5_parse(text, len + 1, &moved_error);
	free(text);
	MUST(!moved == !root);
	if (moved) {
		MUST(json5_position(moved).line ==
		    json5_position(root).line + 1);
		MUST(json5_type(moved) == json5_type(root));
	} else {
		MUST(moved_error.position.line == error->position.line + 1);
		MUST(moved_error.position.column == error->position.column);
		MUST(!strcmp(moved_error.path, error->path));
	}
	json5_destroy(moved);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct json5_error error;
	struct json5 *root = json5_parse((const char *)data, len, &error);

	if (root) {
		check_places(root, data, len);
		check_round_trip(root);
	} else {
		check_error(&error, data, len);
	}
	check_moved(data, len, root, &error);
	json5_destroy(root);
	return 0;
}
