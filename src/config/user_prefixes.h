#ifndef CONFIG_USER_PREFIXES_H
#define CONFIG_USER_PREFIXES_H

/* Whose packets rules are for. */

#include "config/config.h"
#include "net/prefix_list.h"

/*
 * Adds the prefixes of the ACL or of inbound.users, and the texts of the command line, which end
 * with NULL. Returns 0, or a negative errno after saying on standard error what
 * is wrong: -EINVAL for a text that is no prefix, or if texts are required, as
 * the configuration does not have all prefixes, and there are none. Whatever it
 * returns, the list is the caller's to finish.
 */
int user_prefixes_collect(const struct config *config, char *const *texts,
    bool required, struct prefix_list *list);

#endif
