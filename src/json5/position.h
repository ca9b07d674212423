#ifndef JSON5_POSITION_H
#define JSON5_POSITION_H

/*
 * What json5.h and json5_scan.h both need: where in a text, and what is wrong
 * there.
 */

/*
 * Lines and columns count from 1. Columns count characters, not bytes; a tab
 * is one. Lines end with LF, CR or CRLF, as editors have it.
 */
struct json5_position {
	unsigned line, column;
};

/* Why a text was refused. */
struct json5_error {
	struct json5_position position;
	char path[128];   /* of the value that was being read, see json5_path */
	char reason[160]; /* what is wrong, without place and path */
};

#endif
