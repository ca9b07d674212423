#include "json5/path.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/unicode.h"

#define MAX_KEY_SHOWN 40 /* characters */

static const char cut[] = "...";
static const size_t cut_len = sizeof(cut) - 1;

static void
append(struct json5_trail *trail, const char *piece, size_t len)
{
	if (trail->is_cut)
		return;
	if (trail->len + len + cut_len >= sizeof(trail->text)) {
		trail->is_cut = true;
		piece = cut;
		len = cut_len;
	}
	memcpy(trail->text + trail->len, piece, len);
	trail->len += len;
	trail->text[trail->len] = '\0';
}

static void
append_text(struct json5_trail *trail, const char *piece)
{
	append(trail, piece, strlen(piece));
}

/* A piece never ends in dots by itself, so above tells whether it was cut. */
void
json5_trail_init(struct json5_trail *trail, const char *above)
{
	trail->len = strlen(above);
	memcpy(trail->text, above, trail->len + 1);
	trail->is_cut = trail->len >= cut_len &&
	    !strcmp(above + (trail->len - cut_len), cut);
}

static bool
key_is_plain(const char *key)
{
	size_t len = strspn(key,
	    "$_0123456789abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return len > 0 && len <= MAX_KEY_SHOWN && !key[len] &&
	    !(*key >= '0' && *key <= '9');
}

static void
append_odd_key(struct json5_trail *trail, const char *key)
{
	const char *end = key + strlen(key);

	append_text(trail, "[\"");
	for (unsigned shown = 0; key < end; shown++) {
		char escape[sizeof("\\u0000")];
		uint32_t c = 0;
		size_t len = json5_char_decode(key, (size_t)(end - key), &c);

		if (shown == MAX_KEY_SHOWN) {
			append_text(trail, "...");
			break;
		}
		/* None that is invisible has more than four digits. */
		snprintf(escape, sizeof(escape), "\\u%04x", c & 0xffff);
		if (c == '"' || c == '\\')
			append_text(trail, "\\");
		if (json5_char_is_visible(c))
			append(trail, key, len);
		else
			append_text(trail, escape);
		key += len;
	}
	append_text(trail, "\"]");
}

void
json5_trail_add_key(struct json5_trail *trail, const char *key)
{
	if (!key_is_plain(key)) {
		append_odd_key(trail, key);
		return;
	}
	if (trail->len > 0)
		append_text(trail, ".");
	append_text(trail, key);
}

void
json5_trail_add_index(struct json5_trail *trail, size_t index)
{
	char piece[32];

	snprintf(piece, sizeof(piece), "[%zu]", index);
	append_text(trail, piece);
}
