#ifndef CONFIG_EXPOSURE_H
#define CONFIG_EXPOSURE_H

/*
 * What a configuration leaves open that its author may not have meant to: each
 * is a warning at its place in the file, and keeps nothing from starting.
 * srcproxy(8) explains each.
 */

#include "config/acl.h"
#include "config/reader.h"
#include "net/endpoint.h"

/*
 * root is the tree of a file without a fatal problem, and the others were read
 * from it. acl: of a server half; NULL: it is a client half.
 */
void exposure_check(struct reader *reader, const struct json5 *root,
    const struct endpoint *listen, const struct acl *acl);

#endif
