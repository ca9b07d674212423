#ifndef STATUS_SCREEN_H
#define STATUS_SCREEN_H

/* Where a person reads: a terminal, or a file without width and colour. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct screen {
	FILE *out;
	size_t width, height; /* in characters; SIZE_MAX: no limit */
	bool has_colour;
};

/* Of what standard output is. NO_COLOR (no-color.org) and TERM=dumb count. */
void screen_open(struct screen *screen);

enum screen_style {
	SCREEN_PLAIN,
	SCREEN_BOLD,
	SCREEN_DIM,
	SCREEN_RED,
};

/*
 * Prints the text in that style, cut at width. What a terminal would obey is
 * printed as a question mark. Returns how many characters it took.
 */
size_t screen_print(const struct screen *screen, enum screen_style style,
    const char *text, size_t width);

#endif
