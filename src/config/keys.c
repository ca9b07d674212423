#include "config/keys.h"

#include <string.h>

#include "base/must.h"

#define KEYS_MAX 32 /* of one kind of object */

/* The names of the keys of that kind of object, and NULL behind them. */
static void
list_names(
    const struct key *keys, unsigned object, const char *names[KEYS_MAX + 1])
{
	size_t count = 0;

	for (; keys->name; keys++) {
		if (!(keys->objects & object))
			continue;
		must(count == KEYS_MAX);
		names[count++] = keys->name;
	}
	names[count] = NULL;
}

static void
read_fallback(struct reader *reader, const struct key *key, void *field)
{
	struct json5_error error;
	struct json5 *value =
	    json5_parse(key->fallback, strlen(key->fallback), &error);

	if (value)
		key->read(reader, value, field);
	else
		reader_fail_memory(reader);
	json5_destroy(value);
}

/* The fallback comes first, as a blank word leaves it in place. */
static void
read_key(struct reader *reader, const struct key *key,
    const struct json5 *object, void *field)
{
	const struct json5 *value = json5_member(object, key->name);

	if (key->presence == KEY_REQUIRED)
		reader_require(reader, object, key->name);
	if (key->fallback)
		read_fallback(reader, key, field);
	if (value &&
	    (json5_type(value) != JSON5_NULL || key->presence == KEY_LIST))
		key->read(reader, value, field);
}

void
keys_read(struct reader *reader, const struct key *keys, unsigned object,
    const struct json5 *value, void *base)
{
	const char *known[KEYS_MAX + 1];

	if (!reader_expect(reader, value, JSON5_OBJECT))
		return;
	list_names(keys, object, known);
	reader_refuse_unknown(reader, value, known);
	for (; keys->name; keys++) {
		if (keys->objects & object)
			read_key(
			    reader, keys, value, (char *)base + keys->offset);
	}
}
