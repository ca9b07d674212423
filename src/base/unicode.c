#include "base/unicode.h"

#include <string.h>
#include <wctype.h>

size_t
unicode_decode(const char *text, size_t left, uint32_t *c)
{
	/* The smallest character that needs this many bytes. */
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *byte = (const unsigned char *)text;
	uint32_t value;
	size_t len;

	if (byte[0] < 0x80) {
		*c = byte[0];
		return 1;
	}
	len = byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : 4;
	if (byte[0] < 0xc0 || byte[0] >= 0xf8 || len > left)
		return 0;
	value = byte[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (byte[i] & 0x3fu);
	}
	if (value < least[len] || (value & ~0x7ffu) == 0xd800 ||
	    value > 0x10ffff)
		return 0;
	*c = value;
	return len;
}

size_t
unicode_encode(uint32_t c, char *text)
{
	size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	if (len == 1) {
		text[0] = (char)c;
		return 1;
	}
	for (size_t i = len - 1; i > 0; i--) {
		text[i] = (char)(0x80 | (c & 0x3f));
		c >>= 6;
	}
	text[0] = (char)(0xf00 >> len | c); /* leads with len ones */
	return len;
}

bool
unicode_is_digit(uint32_t c)
{
	return c >= '0' && c <= '9';
}

int
unicode_hex_value(uint32_t c)
{
	if (unicode_is_digit(c))
		return (int)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (int)(c - 'a') + 10 : -1;
}

bool
unicode_ends_line(uint32_t c)
{
	return c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029;
}

/* White space as JSON5 defines it, with all of Unicode's category Zs. */
bool
unicode_is_space(uint32_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0 ||
	    c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
	    c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000 ||
	    c == 0xfeff;
}

bool
unicode_is_visible(uint32_t c)
{
	if (c <= ' ' || (c >= 0x7f && c < 0xa0))
		return c == ' ';
	return !unicode_is_space(c) && !(c >= 0x200b && c <= 0x200f) &&
	    !(c >= 0x202a && c <= 0x202e) && !(c >= 0x2060 && c <= 0x206f);
}

void
unicode_clean(char *text, size_t len, bool (*is_kept)(uint32_t c))
{
	while (len > 0) {
		uint32_t c;
		size_t taken = unicode_decode(text, len, &c);

		if (taken == 0 || (is_kept && !is_kept(c))) {
			taken = taken > 0 ? taken : 1;
			memset(text, '?', taken);
		}
		text += taken;
		len -= taken;
	}
}

/*
 * IdentifierStart and IdentifierPart of ECMAScript 5.1. The C library knows
 * the letters; beyond ASCII its letters include digits. The marks have a class
 * of their own in glibc and none in musl, which refuses most of them.
 */
bool
unicode_is_identifier(uint32_t c, bool first, locale_t unicode)
{
	bool mark;

	if (c < 0x80)
		return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '$' ||
		    c == '_' || (!first && unicode_is_digit(c));
	/* Joiners and connector punctuation. */
	if (c == 0x200c || c == 0x200d || c == 0x203f || c == 0x2040 ||
	    c == 0x2054 || c == 0xfe33 || c == 0xfe34 ||
	    (c >= 0xfe4d && c <= 0xfe4f) || c == 0xff3f)
		return !first;
	if (!unicode)
		return false;
	mark = iswctype_l(c, wctype_l("combining", unicode), unicode);
	return first ? iswalpha_l(c, unicode) && !mark
		     : iswalnum_l(c, unicode) || mark;
}
