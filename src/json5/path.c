#include "json5/path.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/unicode.h"

#define MAX_KEY_SHOWN 40 /* characters */

static const char cut[] = "...";
static const size_t cut_len = sizeof(cut) - 1;

static void
append(struct json5_path *path, const char *piece, size_t len)
{
	if (path->is_cut)
		return;
	if (path->len + len + cut_len >= sizeof(path->text)) {
		path->is_cut = true;
		piece = cut;
		len = cut_len;
	}
	memcpy(path->text + path->len, piece, len);
	path->len += len;
	path->text[path->len] = '\0';
}

static void
append_text(struct json5_path *path, const char *piece)
{
	append(path, piece, strlen(piece));
}

/*
 * A piece never ends in dots, so dots at the end of above mean that it was cut.
 */
void
json5_path_init(struct json5_path *path, const char *above)
{
	path->len = strlen(above);
	memcpy(path->text, above, path->len + 1);
	path->is_cut =
	    path->len >= cut_len && !strcmp(above + (path->len - cut_len), cut);
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
append_odd_key(struct json5_path *path, const char *key)
{
	const char *end = key + strlen(key);

	append_text(path, "[\"");
	for (unsigned shown = 0; key < end; shown++) {
		char escape[sizeof("\\u0000")];
		uint32_t c = 0;
		size_t len = unicode_decode(key, (size_t)(end - key), &c);

		if (shown == MAX_KEY_SHOWN) {
			append_text(path, "...");
			break;
		}
		/* No invisible character has more than four digits. */
		snprintf(escape, sizeof(escape), "\\u%04x", c & 0xffff);
		if (c == '"' || c == '\\')
			append_text(path, "\\");
		if (unicode_is_visible(c))
			append(path, key, len);
		else
			append_text(path, escape);
		key += len;
	}
	append_text(path, "\"]");
}

void
json5_path_add_key(struct json5_path *path, const char *key)
{
	if (!key_is_plain(key)) {
		append_odd_key(path, key);
		return;
	}
	if (path->len > 0)
		append_text(path, ".");
	append_text(path, key);
}

void
json5_path_add_index(struct json5_path *path, size_t index)
{
	char piece[32];

	snprintf(piece, sizeof(piece), "[%zu]", index);
	append_text(path, piece);
}
