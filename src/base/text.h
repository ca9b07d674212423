#ifndef BASE_TEXT_H
#define BASE_TEXT_H

/* Text of bounded length, for example a command. Longer text is cut off. */

#include <stdbool.h>
#include <stddef.h>

#define TEXT_MAX_LEN 4096

struct text {
	size_t len;
	char chars[TEXT_MAX_LEN + 1]; /* ends with a zero */
};

/* Set or extend the text, formatted as by printf(3). Return the characters. */
const char *text_set(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const char *text_add(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds a word of a command for sh(1), in quotes if it needs them. */
void text_add_quoted(struct text *text, const char *word);

/* Whether a list like "|one|two|" has the word. */
bool text_lists(const char *list, const char *word);

#endif
