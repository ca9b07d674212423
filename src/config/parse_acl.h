#ifndef CONFIG_PARSE_ACL_H
#define CONFIG_PARSE_ACL_H

/* The part of the server half's configuration that says who may do what. */

#include "config/acl.h"
#include "config/reader.h"

/* Reads root's "acl" into *acl, which is empty, and the caller's to finish. */
void config_acl_read(
    struct reader *reader, const struct json5 *root, struct acl *acl);

#endif
