#include "json5/scan.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/unicode.h"

/* True if the character at the cursor would continue a number or literal. */
static bool
scan_is_glued(const struct json5_scan *scan)
{
	return scan->c == '\\' ||
	    unicode_is_identifier(scan->c, false, scan->unicode);
}

/* Decodes the character at the cursor; false if it is not UTF-8. */
static bool
scan_load(struct json5_scan *scan)
{
	scan->c = 0;
	scan->c_len = 0;
	if (scan->at == scan->end)
		return true;
	scan->c_len =
	    unicode_decode(scan->at, (size_t)(scan->end - scan->at), &scan->c);
	return scan->c_len > 0;
}

static bool
scan_advance(struct json5_scan *scan)
{
	uint32_t passed = scan->c;

	scan->at += scan->c_len;
	if (passed == '\n' ||
	    (passed == '\r' && (scan->at == scan->end || *scan->at != '\n'))) {
		scan->position.line++;
		scan->position.column = 1;
	} else if (scan->c_len > 0) {
		scan->position.column++;
	}
	return scan_load(scan);
}

/* After this check loading and advancing cannot fail, and 0 is the end. */
static bool
scan_check(struct json5_scan *scan)
{
	bool loaded = scan_load(scan);

	while (loaded && scan->c != 0)
		loaded = scan_advance(scan);
	if (!loaded)
		return json5_scan_fail(scan, scan->position,
		    "this is not UTF-8 (byte 0x%02X)",
		    (unsigned char)*scan->at);
	if (scan->at != scan->end)
		return json5_scan_fail(
		    scan, scan->position, "the text holds a NUL byte");
	return true;
}

/* Only then may a key hold letters beyond ASCII, as they are or escaped. */
static bool
is_beyond_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] >= 0x80 || text[i] == '\\')
			return true;
	}
	return false;
}

bool
json5_scan_init(struct json5_scan *scan, const char *text, size_t len,
    struct json5_error *error)
{
	const struct json5_scan start = {
		.at = text,
		.position = { 1, 1 },
		.path = "",
		.error = error,
	};

	*scan = start;
	/* json-c counts in int. */
	if (len >= INT_MAX)
		return json5_scan_fail(
		    scan, start.position, "the text is too long");
	scan->end = text + len;
	if (!scan_check(scan))
		return false;
	scan->at = text;
	scan->position = start.position;
	scan_load(scan);
	/* A word is never longer decoded than written, so this is enough. */
	scan->word_size = len + 1;
	scan->word = malloc(scan->word_size);
	if (!scan->word)
		return json5_scan_fail(scan, start.position, "out of memory");
	/*
	 * Without this locale, letters beyond ASCII need quotes. It is a file,
	 * and each default of the configuration is a text of its own.
	 */
	if (is_beyond_ascii(text, len))
		scan->unicode =
		    newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	return true;
}

void
json5_scan_finish(struct json5_scan *scan)
{
	if (scan->unicode)
		freelocale(scan->unicode);
	explicit_bzero(scan->word, scan->word_size);
	free(scan->word);
}

bool
json5_scan_fail(struct json5_scan *scan, struct json5_position position,
    const char *format, ...)
{
	struct json5_error *error = scan->error;
	va_list arguments;

	error->position = position;
	snprintf(error->path, sizeof(error->path), "%s", scan->path);
	va_start(arguments, format);
	vsnprintf(error->reason, sizeof(error->reason), format, arguments);
	va_end(arguments);
	return false;
}

/* Show one character only: it may be the start of a secret. */
bool
json5_scan_expected(struct json5_scan *scan, const char *what)
{
	char found[32];

	if (scan->c == 0)
		snprintf(found, sizeof(found), "the end of the text");
	else if (scan->c == '\n' || scan->c == '\r')
		snprintf(found, sizeof(found), "the end of the line");
	else if (!unicode_is_visible(scan->c))
		snprintf(found, sizeof(found), "U+%04X", scan->c);
	else if (scan->c < 0x80)
		snprintf(found, sizeof(found), "'%c'", (char)scan->c);
	else
		snprintf(found, sizeof(found), "'%.*s' (U+%04X)",
		    (int)scan->c_len, scan->at, scan->c);
	return json5_scan_fail(
	    scan, scan->position, "expected %s but found %s", what, found);
}

bool
json5_scan_accept(struct json5_scan *scan, char c)
{
	if (scan->c != (unsigned char)c || scan->c == 0)
		return false;
	scan_advance(scan);
	return true;
}

static bool
scan_comment(struct json5_scan *scan)
{
	struct json5_position start = scan->position;

	scan_advance(scan);
	if (json5_scan_accept(scan, '/')) {
		while (scan->c != 0 && !unicode_ends_line(scan->c))
			scan_advance(scan);
		return true;
	}
	if (!json5_scan_accept(scan, '*'))
		return json5_scan_expected(scan, "'/' or '*' after '/'");
	while (scan->c != 0) {
		if (!json5_scan_accept(scan, '*'))
			scan_advance(scan);
		else if (json5_scan_accept(scan, '/'))
			return true;
	}
	return json5_scan_fail(scan, start, "this comment has no end");
}

bool
json5_scan_space(struct json5_scan *scan)
{
	for (;;) {
		if (unicode_is_space(scan->c))
			scan_advance(scan);
		else if (scan->c != '/')
			return true;
		else if (!scan_comment(scan))
			return false;
	}
}

bool
json5_scan_literal(struct json5_scan *scan, const char *literal)
{
	struct json5_scan ahead = *scan;

	for (; *literal; literal++) {
		if (!json5_scan_accept(&ahead, *literal))
			return false;
	}
	if (scan_is_glued(&ahead))
		return false;
	*scan = ahead;
	return true;
}

static void
word_start(struct json5_scan *scan)
{
	scan->word_len = 0;
	scan->word[0] = '\0';
	scan->high = 0;
}

/*
 * Escapes name UTF-16 units. A high surrogate is stored as U+FFFD, which the
 * low surrogate replaces if it follows.
 */
static void
word_append(struct json5_scan *scan, uint32_t c)
{
	uint32_t high = scan->high;

	scan->high = 0;
	if (high && c >= 0xdc00 && c < 0xe000) {
		scan->word_len -= 3; /* U+FFFD */
		c = 0x10000 + ((high - 0xd800) << 10) + (c - 0xdc00);
	} else if (c >= 0xd800 && c < 0xe000) {
		scan->high = c < 0xdc00 ? c : 0;
		c = 0xfffd;
	}
	scan->word_len += unicode_encode(c, scan->word + scan->word_len);
	scan->word[scan->word_len] = '\0';
}

/* Reads the digits of \x and \u. */
static bool
scan_hex_escape(struct json5_scan *scan, uint32_t *c)
{
	bool is_short = scan->c == 'x';
	uint32_t value = 0;

	scan_advance(scan);
	for (unsigned i = 0; i < (is_short ? 2 : 4); i++) {
		int digit = unicode_hex_value(scan->c);

		if (digit < 0)
			return json5_scan_expected(scan,
			    is_short ? "two hexadecimal digits after \\x"
				     : "four hexadecimal digits after \\u");
		value = value << 4 | (uint32_t)digit;
		scan_advance(scan);
	}
	*c = value;
	return true;
}

/*
 * Reads a single-character escape: it stands for another character, or for
 * itself.
 */
static uint32_t
char_unescape(uint32_t c)
{
	static const char escapes[] = "b\bf\fn\nr\rt\tv\v0\0";

	for (size_t i = 0; i + 1 < sizeof(escapes); i += 2) {
		if (c == (unsigned char)escapes[i])
			return (unsigned char)escapes[i + 1];
	}
	return c;
}

/* Reads an escape; the cursor is behind its backslash. */
static bool
scan_escape(struct json5_scan *scan)
{
	uint32_t c = scan->c;

	if (c == 'x' || c == 'u') {
		if (!scan_hex_escape(scan, &c))
			return false;
		word_append(scan, c);
		return true;
	}
	if (c >= '1' && c <= '9')
		return json5_scan_fail(scan, scan->position,
		    "a string cannot hold \\%c; use \\x and two digits",
		    (char)c);
	scan_advance(scan);
	if (c == '\r')
		json5_scan_accept(scan, '\n');
	if (c == '0' && unicode_is_digit(scan->c))
		return json5_scan_fail(
		    scan, scan->position, "no digit can follow \\0; use \\x00");
	/* Skip the end of a line. The caller reports the end of the text. */
	if (c != 0 && !unicode_ends_line(c))
		word_append(scan, char_unescape(c));
	return true;
}

bool
json5_scan_string(struct json5_scan *scan)
{
	struct json5_position start = scan->position;
	char quote = (char)scan->c;

	scan_advance(scan);
	word_start(scan);
	while (!json5_scan_accept(scan, quote)) {
		uint32_t c = scan->c;

		if (c == 0)
			return json5_scan_fail(
			    scan, start, "this string has no end");
		if (c == '\n' || c == '\r')
			return json5_scan_fail(scan, scan->position,
			    "a string cannot hold a line break; "
			    "use \\n or end the string");
		scan_advance(scan);
		if (c != '\\')
			word_append(scan, c);
		else if (!scan_escape(scan))
			return false;
	}
	return true;
}

/* Reads a character of a key that is written as \uXXXX. */
static bool
scan_identifier_escape(struct json5_scan *scan)
{
	struct json5_position start = scan->position;
	uint32_t c = 0;

	scan_advance(scan);
	if (scan->c != 'u')
		return json5_scan_expected(scan, "\\u in a key without quotes");
	if (!scan_hex_escape(scan, &c))
		return false;
	if (!unicode_is_identifier(c, scan->word_len == 0, scan->unicode))
		return json5_scan_fail(scan, start,
		    "U+%04X cannot stand here in a key without quotes", c);
	word_append(scan, c);
	return true;
}

bool
json5_scan_key(struct json5_scan *scan)
{
	if (scan->c == '"' || scan->c == '\'')
		return json5_scan_string(scan);
	word_start(scan);
	for (;;) {
		uint32_t c = scan->c;

		if (c == '\\') {
			if (!scan_identifier_escape(scan))
				return false;
		} else if (unicode_is_identifier(
			       c, scan->word_len == 0, scan->unicode)) {
			word_append(scan, c);
			scan_advance(scan);
		} else {
			break;
		}
	}
	return scan->word_len > 0 || json5_scan_expected(scan, "a key or '}'");
}

static bool
scan_digits(struct json5_scan *scan, const char *what)
{
	if (!unicode_is_digit(scan->c))
		return json5_scan_expected(scan, what);
	while (unicode_is_digit(scan->c))
		scan_advance(scan);
	return true;
}

static bool
scan_hex_digits(struct json5_scan *scan)
{
	if (unicode_hex_value(scan->c) < 0)
		return json5_scan_expected(scan, "a hexadecimal digit");
	while (unicode_hex_value(scan->c) >= 0)
		scan_advance(scan);
	return true;
}

/* Reads the fraction and the exponent, if any, and then clears is_integer. */
static bool
scan_decimals(struct json5_scan *scan, bool digits_before, bool *is_integer)
{
	if (json5_scan_accept(scan, '.')) {
		*is_integer = false;
		if ((!digits_before || unicode_is_digit(scan->c)) &&
		    !scan_digits(scan, "a digit"))
			return false;
	}
	if (json5_scan_accept(scan, 'e') || json5_scan_accept(scan, 'E')) {
		*is_integer = false;
		if (!json5_scan_accept(scan, '+'))
			json5_scan_accept(scan, '-');
		return scan_digits(scan, "a digit");
	}
	return true;
}

/* Reads a number from behind its sign. */
static bool
scan_unsigned(struct json5_scan *scan, const char *what, bool *is_integer)
{
	struct json5_position start = scan->position;
	bool digits_before = scan->c != '.';

	if (json5_scan_literal(scan, "Infinity") ||
	    json5_scan_literal(scan, "NaN")) {
		*is_integer = false;
		return true;
	}
	*is_integer = true;
	if (json5_scan_accept(scan, '0')) {
		if (json5_scan_accept(scan, 'x') ||
		    json5_scan_accept(scan, 'X'))
			return scan_hex_digits(scan);
		if (unicode_is_digit(scan->c))
			return json5_scan_fail(
			    scan, start, "a number cannot have leading zeros");
	} else if (digits_before && !scan_digits(scan, what)) {
		return false;
	}
	return scan_decimals(scan, digits_before, is_integer);
}

bool
json5_scan_number(struct json5_scan *scan, struct json5_number *number)
{
	const char *start = scan->at;
	bool has_sign =
	    json5_scan_accept(scan, '+') || json5_scan_accept(scan, '-');
	bool is_integer;

	if (!scan_unsigned(
		scan, has_sign ? "a number" : "a value", &is_integer))
		return false;
	if (scan_is_glued(scan))
		return json5_scan_expected(scan, "the end of the number");
	/* strtoll(3) reads all forms, but needs a NUL at the end. */
	scan->word_len = (size_t)(scan->at - start);
	memcpy(scan->word, start, scan->word_len);
	scan->word[scan->word_len] = '\0';
	errno = 0;
	number->integer = is_integer ? strtoll(scan->word, NULL, 0) : 0;
	number->is_integer = is_integer && errno == 0;
	return true;
}
