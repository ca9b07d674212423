#ifndef NET_MARK_H
#define NET_MARK_H

/*
 * A firewall mark with its mask, as ip-rule(8) writes it: "0x50/0x50". The
 * other bits of a packet's mark belong to other programs.
 */

#include <stdint.h>

/* "0x12345678/0x12345678", and the end of the string */
#define MARK_STRLEN 22

struct mark {
	uint32_t value, mask;
};

/*
 * Reads VALUE/MASK, or VALUE for the mask 0xffffffff; numbers are as in C.
 * Returns NULL, or what is wrong with the text.
 */
const char *mark_parse(const char *text, struct mark *mark);

/* NULL, or why no packet can be selected by it. */
const char *mark_check(const struct mark *mark);

/* Writes "0x50/0x50", with every mask. Returns text. */
const char *mark_format(const struct mark *mark, char text[MARK_STRLEN]);

#endif
