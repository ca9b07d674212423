#ifndef STATUS_WATCH_H
#define STATUS_WATCH_H

/* Asks again and again, and shows it in place of what was shown before. */

#include <json-c/json.h>

/* Asks; NULL after reporting why not. The caller calls json_object_put(). */
typedef struct json_object *watch_ask(const void *owner);

/* Until it is interrupted, or ask() fails: then it returns. */
void watch_run(watch_ask *ask, const void *owner);

#endif
