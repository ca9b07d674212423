#include "config/dialect.h"

#include <stdbool.h>
#include <string.h>

static const char blanks[] = " \t";

/* The characters of a key without quotes, in YAML and TOML. */
static const char key_characters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

static bool
is_comment(const char *line)
{
	return !*line || *line == '#' || *line == '\r' ||
	    !strncmp(line, "//", 2);
}

/* A directive, a document or an item of a list. */
static bool
begins_yaml(const char *line)
{
	return !strncmp(line, "---", 3) || !strncmp(line, "- ", 2) ||
	    !strncmp(line, "%YAML", 5) || !strncmp(line, "%TAG", 4);
}

/* "[section]" or "[[section]]". Only a comment may follow. */
static bool
is_section(const char *line)
{
	size_t brackets = strspn(line, "[");
	const char *name = line + brackets;
	size_t len = strspn(name, key_characters);

	if (brackets < 1 || brackets > 2 || len == 0 ||
	    strspn(name + len, "]") != brackets)
		return false;
	name += len + brackets;
	return is_comment(name + strspn(name, blanks));
}

static const char *
guess_line(const char *line)
{
	size_t key_len = strspn(line, key_characters);
	const char *rest = line + key_len;

	if (begins_yaml(line))
		return "YAML";
	if (is_section(line))
		return "TOML";
	rest += strspn(rest, blanks);
	if (key_len > 0 && *rest == '=')
		return "TOML";
	if (key_len > 0 && *rest == ':' && strchr(" \t\r", rest[1]))
		return "YAML";
	return NULL;
}

const char *
dialect_guess(const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *next = memchr(text, '\n', (size_t)(end - text));
		size_t line_len = (size_t)((next ? next : end) - text);
		char line[128];

		line_len =
		    line_len < sizeof(line) ? line_len : sizeof(line) - 1;
		memcpy(line, text, line_len);
		line[line_len] = '\0';
		if (!is_comment(line + strspn(line, blanks)))
			return guess_line(line + strspn(line, blanks));
		text = next ? next + 1 : end;
	}
	return NULL;
}
