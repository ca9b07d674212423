#ifndef STATUS_ANSWER_H
#define STATUS_ANSWER_H

/*
 * The answer of a running half at its status socket: the object that
 * status_report.h writes.
 */

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Sends the line and reads the answer, which the caller json_object_put()s.
 * Waits ten seconds at most for each piece. Returns 0, or a negative errno: of
 * connect(2), -ETIMEDOUT, or -EPROTO if the answer is no whole object.
 */
int answer_fetch(
    const char *path, const char *line, struct json_object **answer);

/* The second half of that, from any descriptor. */
int answer_read(int fd, struct json_object **answer);

/* A member that is missing or null is "" or 0. */
const char *answer_text(struct json_object *object, const char *key);
int64_t answer_number(struct json_object *object, const char *key);

/* NULL if it is missing. */
struct json_object *answer_member(struct json_object *object, const char *key);

/* The length of an array; 0 of anything else. */
size_t answer_count(struct json_object *array);

#endif
