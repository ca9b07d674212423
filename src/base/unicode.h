#ifndef BASE_UNICODE_H
#define BASE_UNICODE_H

/*
 * Characters of Unicode, their encoding in UTF-8, and their classes in JSON5.
 */

#include <locale.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Returns the length of the character, 0 if it is not UTF-8. left is not 0. */
size_t unicode_decode(const char *text, size_t left, uint32_t *c);

/* Writes at most four bytes, no NUL. Returns how many. */
size_t unicode_encode(uint32_t c, char *text);

bool unicode_is_digit(uint32_t c);

/* The value of a hexadecimal digit, -1 if it is none. */
int unicode_hex_value(uint32_t c);

bool unicode_ends_line(uint32_t c);

/* White space as JSON5 defines it, including line ends. */
bool unicode_is_space(uint32_t c);

/* False for a character that a terminal hides, moves or obeys. */
bool unicode_is_visible(uint32_t c);

/*
 * Puts '?' in place of each byte that is no UTF-8, and of each byte of a
 * character that is_kept refuses; NULL: it keeps all.
 */
void unicode_clean(char *text, size_t len, bool (*is_kept)(uint32_t c));

/*
 * Whether a key without quotes may hold the character, or begin with it. The
 * locale decides which characters beyond ASCII are letters; with a locale of 0
 * none is.
 */
bool unicode_is_identifier(uint32_t c, bool first, locale_t unicode);

#endif
