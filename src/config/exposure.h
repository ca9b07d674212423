#ifndef CONFIG_EXPOSURE_H
#define CONFIG_EXPOSURE_H

/*
 * Warns of doors that a configuration leaves open, perhaps by mistake. Each
 * warning has a place in the file. A warning does not keep the program from
 * starting. srcproxy(8) explains them all.
 */

#include "config/acl.h"
#include "config/reader.h"
#include "net/endpoint.h"

/*
 * root is the tree of a file without a fatal problem. listen and acl were read
 * from it. acl is NULL for a client half.
 */
void exposure_check(struct reader *reader, const struct json5 *root,
    const struct endpoint *listen, const struct acl *acl);

#endif
