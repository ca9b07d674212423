#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

/*
 * A table of keys, one row a key. Reading, the list of known keys and the
 * defaults all come from it.
 */

#include "config/reader.h"

/*
 * Reads the value into the field at the offset of its key. Reports each
 * mistake. A field keeps its content where the value is wrong.
 */
typedef void key_read(
    struct reader *reader, const struct json5 *value, void *field);

enum key_presence {
	KEY_OPTIONAL,
	KEY_REQUIRED,
	KEY_LIST, /* optional; but null is a mistake: it could open a door */
};

struct key {
	unsigned objects; /* a bit for each kind of object that has this key */
	enum key_presence presence;
	const char *name;
	key_read *read;
	size_t offset;
	const char *fallback; /* JSON5, read where the key is absent; or NULL */
};

/*
 * Reads an object of that kind, key by key in the order of the table, which
 * ends with a row without name. base is the struct that the offsets are for.
 */
void keys_read(struct reader *reader, const struct key *keys, unsigned object,
    const struct json5 *value, void *base);

#endif
