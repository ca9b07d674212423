#ifndef JSON5_PATH_H
#define JSON5_PATH_H

/*
 * The way from the root of a document to one of its values, for people:
 * acl[2].name, ["odd key"]. See json5_path() in json5.h.
 */

#include <stdbool.h>
#include <stddef.h>

#include "json5/position.h"

/* Grows piece by piece until one does not fit; then ends in "..." for good. */
struct json5_path {
	char text[sizeof(((struct json5_error *)0)->path)];
	size_t len;
	bool is_cut;
};

/* above: the text of the trail that this one goes on from; "": the root's. */
void json5_path_init(struct json5_path *path, const char *above);

/* key ends with NUL; what a terminal would not show of it is escaped. */
void json5_path_add_key(struct json5_path *path, const char *key);
void json5_path_add_index(struct json5_path *path, size_t index);

#endif
