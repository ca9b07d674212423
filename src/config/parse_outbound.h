#ifndef CONFIG_PARSE_OUTBOUND_H
#define CONFIG_PARSE_OUTBOUND_H

/*
 * The part of the client half's configuration that says how to reach the
 * server half, and as whom.
 */

#include "config/reader.h"
#include "net/leg.h"
#include "net/local_bind.h"

/* Reads root's "outbound". */
void config_outbound_read(struct reader *reader, const struct json5 *root,
    struct endpoint *server, struct digest *auth, struct local_bind *local_bind,
    struct leg *leg);

#endif
