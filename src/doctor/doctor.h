#ifndef DOCTOR_DOCTOR_H
#define DOCTOR_DOCTOR_H

/*
 * The command "doctor": examines this host for what a configuration needs of
 * it, and says for each finding what mends it. It changes nothing, and does
 * not mind if the half is running.
 */

#include "config/config.h"

struct findings;
struct privilege;

struct doctor_request {
	const char *path;      /* of the configuration */
	char *const *prefixes; /* texts, next to those of the ACL; then NULL */
	struct findings *findings; /* with what is said before; finished here */
};

/*
 * privilege: whom the half becomes, NULL for nobody else. Becomes that user
 * itself, for ever, once it has seen what only root may see. Prints. Returns 0
 * if all is well, 1 if something keeps connections from working, or a negative
 * errno after saying on standard error what is wrong: -EINVAL if the prefixes
 * are.
 */
int doctor_run(const struct config *config,
    const struct doctor_request *request, const struct privilege *privilege);

/* At start: what takes no time, and only what is wrong, in the log. */
void doctor_warn(const struct config *config, const char *path);

/* After a reload: of that the part that the sandbox lets through. */
void doctor_warn_again(const struct config *config);

#endif
