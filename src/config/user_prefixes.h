#ifndef CONFIG_USER_PREFIXES_H
#define CONFIG_USER_PREFIXES_H

/* The users' prefixes, for rules and doctor. */

#include "config/config.h"
#include "net/prefix_list.h"

/* Whether the configuration itself limits all users to their prefixes. */
bool user_prefixes_are_known(const struct config *config);

/*
 * Adds the prefixes of the ACL or of inbound.users, and the texts of the
 * command line, which end with NULL, to the list. If required, the users of a
 * configuration that does not name all of them must be among the texts. Returns
 * 0, or a negative errno after an error message: -EINVAL for a text that is no
 * prefix, or if the required texts are missing. The caller finishes the list in
 * any case.
 */
int user_prefixes_collect(const struct config *config, char *const *texts,
    bool required, struct prefix_list *list);

#endif
