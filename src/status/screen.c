#include "status/screen.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/unicode.h"

#define USUAL_WIDTH 80
#define USUAL_HEIGHT 24

void
screen_open(struct screen *screen)
{
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
	struct winsize size = { 0 };

	*screen = (struct screen){ stdout, SIZE_MAX, SIZE_MAX, false };
	if (!isatty(STDOUT_FILENO))
		return;
	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	screen->width = size.ws_col ? size.ws_col : USUAL_WIDTH;
	screen->height = size.ws_row ? size.ws_row : USUAL_HEIGHT;
	screen->has_colour =
	    (!none || !*none) && term && strcmp(term, "dumb") != 0;
}

/* A character each, however wide the terminal shows it. */
static size_t
print_visible(FILE *out, const char *text, size_t width)
{
	size_t left = strlen(text), count = 0;

	while (left > 0 && count < width) {
		uint32_t c;
		size_t len = unicode_decode(text, left, &c);

		if (len == 0 || !unicode_is_visible(c))
			putc('?', out);
		else
			fwrite(text, 1, len, out);
		len = len ? len : 1;
		text += len;
		left -= len;
		count++;
	}
	return count;
}

size_t
screen_print(const struct screen *screen, enum screen_style style,
    const char *text, size_t width)
{
	static const char *const begin[] = { "", "\033[1m", "\033[2m",
		"\033[31m" };
	bool is_styled = screen->has_colour && style != SCREEN_PLAIN;
	size_t count;

	if (is_styled)
		fputs(begin[style], screen->out);
	count = print_visible(screen->out, text, width);
	if (is_styled)
		fputs("\033[0m", screen->out);
	return count;
}
