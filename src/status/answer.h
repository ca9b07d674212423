#ifndef STATUS_ANSWER_H
#define STATUS_ANSWER_H

/* What a running half answers at its status socket: status_report.h. */

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Sends the line and reads all of the answer into *text, which ends with a NUL and
 * which the caller frees; *len is its length. Waits ten seconds for each piece. Returns 0, or a negative
 * errno: of connect(2), or -ETIMEDOUT, or -ENOMEM.
 */
int answer_fetch(const char *path, const char *line, char **text, size_t *len);

/* NULL if it is no whole object. The caller calls json_object_put(). */
struct json_object *answer_parse(const char *text, size_t len);

/* What is missing, or null, is "" or 0. */
const char *answer_text(struct json_object *object, const char *key);
int64_t answer_number(struct json_object *object, const char *key);

/* NULL if it is missing. */
struct json_object *answer_member(struct json_object *object, const char *key);

/* Of an array; 0 and NULL if it is none. */
size_t answer_count(struct json_object *array);
struct json_object *answer_item(struct json_object *array, size_t index);

#endif
