#ifndef BASE_TEXT_H
#define BASE_TEXT_H

/* Text of a bounded length, such as a command: what has no room is cut off. */

#include <stddef.h>

#define TEXT_MAX_LEN 4096

struct text {
	size_t len;
	char chars[TEXT_MAX_LEN + 1]; /* ends with a zero */
};

/* As printf(3) has it. Both return the characters. */
const char *text_set(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const char *text_add(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
