#ifndef STATUS_VIEW_H
#define STATUS_VIEW_H

/* A half's answer, as a person likes to read it. */

#include <json-c/json.h>

#include "status/screen.h"

/* All of it but the connections. */
void view_print(struct json_object *answer, const struct screen *screen);

/* The connections, one a row, the newest first. */
void view_print_connections(
    struct json_object *answer, const struct screen *screen);

/*
 * What happens now, on one screen: the users by what they move, the busiest
 * first. before: the answer before, seconds ago, of which rates are made; NULL:
 * those of the answer itself.
 */
void view_print_live(struct json_object *answer, struct json_object *before,
    double seconds, const struct screen *screen);

#endif
