#include "json5/json5.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "json5/path.h"
#include "json5/scan.h"

#define MAX_DEPTH 64

/*
 * json-c has no positions, and its null is no object that could carry one. So a
 * json-c object points at its value, and the value points back. The json-c
 * object of a container owns those of its items. All values of a text form one
 * list behind the root, for json5_destroy(). It clears the pointers first,
 * because json-c 0.19 takes the userdata of an array or object that it frees for
 * an object of its own, and may call a delete callback twice (json-c issue 934).
 */
struct json5 {
	struct json5 *next;
	enum json5_type type;
	bool is_held; /* the container's object owns its object */
	struct json5_position position, key_position;
	struct json_object *object; /* NULL until the value is read */
	const char *key; /* in text, behind the path; NULL if no member */
	char text[];     /* the path */
};

static bool
fail_memory(struct json5_scan *scan)
{
	return json5_scan_fail(scan, scan->position, "out of memory");
}

/*
 * From here on errors name this value. It is in the list of the container, so
 * json5_destroy() of the root frees it; a root has no container.
 */
static struct json5 *
value_create(struct json5_scan *scan, struct json5 *container,
    const struct json5_path *path, const char *key,
    struct json5_position key_position)
{
	size_t path_size = path->len + 1;
	size_t key_size = key ? strlen(key) + 1 : 0;
	struct json5 *value = malloc(sizeof(*value) + path_size + key_size);

	if (!value) {
		fail_memory(scan);
		return NULL;
	}
	value->next = container ? container->next : NULL;
	if (container)
		container->next = value;
	value->type = JSON5_NULL;
	value->is_held = false;
	value->position = value->key_position = key_position;
	value->object = NULL;
	value->key = NULL;
	memcpy(value->text, path->text, path_size);
	if (key)
		value->key = memcpy(value->text + path_size, key, key_size);
	scan->path = value->text;
	return value;
}

/* Gives the value its json-c object; NULL means that memory was out. */
static bool
value_hold(struct json5_scan *scan, struct json5 *value, enum json5_type type,
    struct json_object *object)
{
	if (!object)
		return fail_memory(scan);
	value->type = type;
	value->object = object;
	json_object_set_userdata(object, value, NULL);
	return true;
}

/* The grammar recurses here, at most MAX_DEPTH times. */
static bool value_parse(
    struct json5_scan *scan, struct json5 *value, unsigned depth);

static bool
item_parse(struct json5_scan *scan, struct json5 *array, unsigned depth)
{
	struct json5 *item;
	struct json5_path path;
	bool parsed;

	json5_path_init(&path, array->text);
	json5_path_add_index(&path, json5_count(array));
	item = value_create(scan, array, &path, NULL, scan->position);
	if (!item)
		return false;
	parsed = value_parse(scan, item, depth);
	if (parsed && json_object_array_add(array->object, item->object) < 0)
		parsed = fail_memory(scan);
	item->is_held = parsed;
	scan->path = array->text;
	return parsed;
}

/* True if json-c can hold the key and does not hold it yet. */
static bool
key_check(struct json5_scan *scan, const struct json5 *object,
    struct json5_position position)
{
	const struct json5 *first;

	if (strlen(scan->word) != scan->word_len)
		return json5_scan_fail(
		    scan, position, "a key cannot hold \\u0000");
	first = json5_member(object, scan->word);
	if (!first)
		return true;
	scan->path = first->text;
	return json5_scan_fail(scan, position,
	    "duplicate key; the first is at line %u, column %u",
	    first->key_position.line, first->key_position.column);
}

/* json-c need not copy the key: it lives as long as the member. */
static bool
member_add(const struct json5 *object, const struct json5 *member)
{
	const unsigned flags =
	    JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_KEY_IS_CONSTANT;

	return json_object_object_add_ex(
		   object->object, member->key, member->object, flags) == 0;
}

static bool
member_parse(struct json5_scan *scan, struct json5 *object, unsigned depth)
{
	struct json5_position key_position = scan->position;
	struct json5 *member;
	struct json5_path path;
	bool parsed;

	if (!json5_scan_key(scan) || !key_check(scan, object, key_position))
		return false;
	json5_path_init(&path, object->text);
	json5_path_add_key(&path, scan->word);
	member = value_create(scan, object, &path, scan->word, key_position);
	if (!member)
		return false;
	parsed = json5_scan_space(scan) &&
	    (json5_scan_accept(scan, ':') ||
		json5_scan_expected(scan, "':' after the key")) &&
	    json5_scan_space(scan) && value_parse(scan, member, depth);
	if (parsed && !member_add(object, member))
		parsed = fail_memory(scan);
	member->is_held = parsed;
	scan->path = object->text;
	return parsed;
}

/* Reads the items and the closing bracket. */
static bool
contents_parse(struct json5_scan *scan, struct json5 *value, unsigned depth)
{
	bool is_array = value->type == JSON5_ARRAY;
	char closing = is_array ? ']' : '}';

	while (json5_scan_space(scan)) {
		bool parsed;

		if (json5_scan_accept(scan, closing))
			return true;
		parsed = is_array ? item_parse(scan, value, depth)
				  : member_parse(scan, value, depth);
		if (!parsed || !json5_scan_space(scan))
			return false;
		if (json5_scan_accept(scan, ','))
			continue;
		return json5_scan_accept(scan, closing) ||
		    json5_scan_expected(
			scan, is_array ? "',' or ']'" : "',' or '}'");
	}
	return false;
}

/* Reads an array or object; the cursor is behind its opening bracket. */
static bool
container_parse(struct json5_scan *scan, struct json5 *value,
    enum json5_type type, unsigned depth)
{
	struct json_object *object;

	if (depth > MAX_DEPTH)
		return json5_scan_fail(scan, value->position,
		    "nested more than %d levels deep", MAX_DEPTH);
	object = type == JSON5_ARRAY ? json_object_new_array()
				     : json_object_new_object();
	/* json-c has room for 16 members, but most objects have one or two. */
	if (object && type == JSON5_OBJECT)
		lh_table_resize(json_object_get_object(object), 2);
	return value_hold(scan, value, type, object) &&
	    contents_parse(scan, value, depth);
}

static bool
string_parse(struct json5_scan *scan, struct json5 *value)
{
	return json5_scan_string(scan) &&
	    value_hold(scan, value, JSON5_STRING,
		json_object_new_string_len(scan->word, (int)scan->word_len));
}

static bool
number_parse(struct json5_scan *scan, struct json5 *value)
{
	struct json5_number number;

	if (!json5_scan_number(scan, &number))
		return false;
	return value_hold(scan, value,
	    number.is_integer ? JSON5_INTEGER : JSON5_NUMBER,
	    json_object_new_int64(number.integer));
}

static bool
literal_hold(struct json5_scan *scan, struct json5 *value, enum json5_type type,
    bool truth)
{
	return value_hold(scan, value, type, json_object_new_boolean(truth));
}

/* Fills in the value; depth is the number of arrays and objects around it. */
static bool
value_parse(struct json5_scan *scan, struct json5 *value, unsigned depth)
{
	value->position = scan->position;
	if (json5_scan_accept(scan, '['))
		return container_parse(scan, value, JSON5_ARRAY, depth + 1);
	if (json5_scan_accept(scan, '{'))
		return container_parse(scan, value, JSON5_OBJECT, depth + 1);
	if (scan->c == '"' || scan->c == '\'')
		return string_parse(scan, value);
	if (json5_scan_literal(scan, "null"))
		return literal_hold(scan, value, JSON5_NULL, false);
	if (json5_scan_literal(scan, "true"))
		return literal_hold(scan, value, JSON5_BOOLEAN, true);
	if (json5_scan_literal(scan, "false"))
		return literal_hold(scan, value, JSON5_BOOLEAN, false);
	return number_parse(scan, value);
}

struct json5 *
json5_parse(const char *text, size_t len, struct json5_error *error)
{
	struct json5_scan scan;
	struct json5 *root = NULL;
	struct json5_path path;
	bool parsed;

	if (!json5_scan_init(&scan, text, len, error))
		return NULL;
	json5_path_init(&path, "");
	if (json5_scan_space(&scan))
		root = value_create(&scan, NULL, &path, NULL, scan.position);
	parsed = root && value_parse(&scan, root, 0) &&
	    json5_scan_space(&scan) &&
	    (scan.c == 0 || json5_scan_expected(&scan, "the end of the text"));
	if (!parsed) {
		json5_destroy(root);
		root = NULL;
	}
	json5_scan_finish(&scan);
	return root;
}

/* json-c has only this const pointer to the memory of a string. */
static void
wipe_string(struct json_object *object)
{
	const char *text;
	char *memory;

	if (!json_object_is_type(object, json_type_string))
		return;
	text = json_object_get_string(object);
	memcpy(&memory, &text, sizeof(memory));
	explicit_bzero(memory, (size_t)json_object_get_string_len(object));
}

/* The json-c object does not know the value any more. */
static void
release(struct json_object *object)
{
	if (!object)
		return;
	wipe_string(object);
	json_object_set_userdata(object, NULL, NULL);
}

void
json5_destroy(struct json5 *root)
{
	struct json5 *value, *next;

	for (value = root; value; value = value->next)
		release(value->object);
	/* In a broken text, a value may not belong to a container yet. */
	for (value = root; value; value = value->next)
		if (!value->is_held)
			json_object_put(value->object);
	/* Free the values last: the objects' keys are in them. */
	for (value = root; value; value = next) {
		next = value->next;
		free(value);
	}
}

enum json5_type
json5_type(const struct json5 *value)
{
	return value->type;
}

const char *
json5_type_name(enum json5_type type)
{
	static const char *const names[] = {
		[JSON5_NULL] = "null",
		[JSON5_BOOLEAN] = "a boolean",
		[JSON5_INTEGER] = "an integer",
		[JSON5_NUMBER] = "a number",
		[JSON5_STRING] = "a string",
		[JSON5_ARRAY] = "an array",
		[JSON5_OBJECT] = "an object",
	};

	return names[type];
}

struct json5_position
json5_position(const struct json5 *value)
{
	return value->position;
}

struct json5_position
json5_key_position(const struct json5 *value)
{
	return value->key_position;
}

const char *
json5_path(const struct json5 *value)
{
	return value->text;
}

const char *
json5_key(const struct json5 *value)
{
	return value->key;
}

const char *
json5_string(const struct json5 *value, size_t *len)
{
	if (value->type != JSON5_STRING)
		return NULL;
	if (len)
		*len = (size_t)json_object_get_string_len(value->object);
	return json_object_get_string(value->object);
}

bool
json5_boolean(const struct json5 *value, bool *truth)
{
	if (value->type != JSON5_BOOLEAN)
		return false;
	*truth = json_object_get_boolean(value->object);
	return true;
}

bool
json5_integer(const struct json5 *value, int64_t *number)
{
	if (value->type != JSON5_INTEGER)
		return false;
	*number = json_object_get_int64(value->object);
	return true;
}

size_t
json5_count(const struct json5 *value)
{
	if (value->type == JSON5_ARRAY)
		return json_object_array_length(value->object);
	if (value->type == JSON5_OBJECT)
		return (size_t)json_object_object_length(value->object);
	return 0;
}

const struct json5 *
json5_item(const struct json5 *array, size_t index)
{
	if (index >= json5_count(array) || array->type != JSON5_ARRAY)
		return NULL;
	return json_object_get_userdata(
	    json_object_array_get_idx(array->object, index));
}

const struct json5 *
json5_member(const struct json5 *object, const char *key)
{
	struct json_object *found;

	if (object->type != JSON5_OBJECT ||
	    !json_object_object_get_ex(object->object, key, &found))
		return NULL;
	return json_object_get_userdata(found);
}

static bool
key_is_known(const char *key, const char *const known[])
{
	while (*known && strcmp(*known, key) != 0)
		known++;
	return *known != NULL;
}

const struct json5 *
json5_unexpected(const struct json5 *object, const char *const known[],
    const struct json5 *previous)
{
	struct lh_table *members;
	struct lh_entry *entry;

	if (object->type != JSON5_OBJECT)
		return NULL;
	members = json_object_get_object(object->object);
	entry = previous ? lh_table_lookup_entry(members, previous->key)->next
			 : members->head;
	while (entry && key_is_known(lh_entry_k(entry), known))
		entry = entry->next;
	return entry ? json_object_get_userdata(lh_entry_v(entry)) : NULL;
}
