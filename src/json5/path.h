#ifndef JSON5_PATH_H
#define JSON5_PATH_H

/*
 * The path from the root of a document to a value, for messages: acl[2].name,
 * ["odd key"]. See json5_path() in json5.h.
 */

#include <stdbool.h>
#include <stddef.h>

#include "json5/position.h"

/*
 * Grows piece by piece. At the first piece that does not fit it ends in "..."
 * and stays so.
 */
struct json5_path {
	char text[sizeof(((struct json5_error *)0)->path)];
	size_t len;
	bool is_cut;
};

/* Begins with the text of the path above; "" for the root. */
void json5_path_init(struct json5_path *path, const char *above);

/* key ends with NUL; characters that a terminal does not show are escaped. */
void json5_path_add_key(struct json5_path *path, const char *key);
void json5_path_add_index(struct json5_path *path, size_t index);

#endif
