#ifndef DOCTOR_DOCTOR_H
#define DOCTOR_DOCTOR_H

/*
 * The command "doctor": examines this host for what a configuration needs of
 * it, and says for each finding what mends it. It changes nothing, and does
 * not mind if the half is running.
 */

#include "config/config.h"

struct privilege;

/*
 * path: of the configuration; texts: prefixes next to those of the ACL, then
 * NULL; privilege: whom the half becomes, NULL for nobody else. Becomes that
 * user itself, for ever, once it has seen what only root may see. Prints.
 * Returns 0 if all is well, 1 if something keeps connections from working, or a
 * negative errno after saying on standard error what is wrong: -EINVAL if the
 * texts are.
 */
int doctor_run(const struct config *config, const char *path,
    char *const *texts, const struct privilege *privilege);

/* At start: what takes no time, and only what is wrong, in the log. */
void doctor_warn(const struct config *config, const char *path);

#endif
