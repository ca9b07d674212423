#ifndef CONFIG_PARSE_LEG_H
#define CONFIG_PARSE_LEG_H

/* The keys of both halves about the leg between them. */

#include "config/reader.h"
#include "net/leg.h"

/* Reads "fast_open" and "congestion" of that object. */
void config_leg_read(
    struct reader *reader, const struct json5 *object, struct leg *leg);

#endif
