#ifndef STATUS_VIEW_H
#define STATUS_VIEW_H

/* A half's answer, for a person to read. */

#include <json-c/json.h>

#include "status/screen.h"

/* All of it but the connections. */
void view_print(struct json_object *answer, const struct screen *screen);

/* The connections, one a row, the newest first. */
void view_print_connections(
    struct json_object *answer, const struct screen *screen);

/*
 * The users on one screen, the busiest first. before: the answer of seconds ago,
 * from which the rates are computed; NULL: those of the answer are shown.
 */
void view_print_live(struct json_object *answer, struct json_object *before,
    double seconds, const struct screen *screen);

#endif
