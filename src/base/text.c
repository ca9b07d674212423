#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void __attribute__((format(printf, 2, 0)))
add(struct text *text, const char *format, va_list arguments)
{
	size_t room = TEXT_MAX_LEN - text->len;
	int len =
	    vsnprintf(text->chars + text->len, room + 1, format, arguments);

	if (len > 0)
		text->len += (size_t)len < room ? (size_t)len : room;
}

const char *
text_set(struct text *text, const char *format, ...)
{
	va_list arguments;

	text->len = 0;
	va_start(arguments, format);
	add(text, format, arguments);
	va_end(arguments);
	return text->chars;
}

const char *
text_add(struct text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(text, format, arguments);
	va_end(arguments);
	return text->chars;
}

void
text_add_quoted(struct text *text, const char *word)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789/._-+:=@%,";

	if (!word[strspn(word, plain)]) {
		text_add(text, "%s", word);
		return;
	}
	text_add(text, "'");
	for (; *word; word++)
		text_add(text, *word == '\'' ? "'\\''" : "%c", *word);
	text_add(text, "'");
}

bool
text_lists(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (list = strchr(list, '|'); list && list[1];
	     list = strchr(list + 1, '|')) {
		if (!strncmp(list + 1, word, len) && list[len + 1] == '|')
			return true;
	}
	return false;
}
