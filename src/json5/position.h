#ifndef JSON5_POSITION_H
#define JSON5_POSITION_H

/* A position in a text, and an error there: shared by json5.h and scan.h. */

/*
 * Lines and columns count from 1. A column is a character, not a byte; a tab is
 * one column. Lines end with LF, CR or CRLF, as in editors.
 */
struct json5_position {
	unsigned line, column;
};

/* Why a text was refused. */
struct json5_error {
	struct json5_position position;
	char path[128];   /* of the value being read, see json5_path() */
	char reason[160]; /* the error, without position and path */
};

#endif
