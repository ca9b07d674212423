#ifndef DOCTOR_DOCTOR_H
#define DOCTOR_DOCTOR_H

/*
 * The command "doctor" checks whether this host meets the needs of a
 * configuration, and says how to fix each problem. It changes nothing. The half
 * may be running.
 */

#include "config/config.h"

struct findings;
struct privilege;

struct doctor_request {
	const char *path;      /* of the configuration */
	char *const *prefixes; /* texts, added to the ACL's; NULL ends them */
	struct findings *findings; /* may hold earlier ones; finished here */
};

/*
 * privilege: the user that the half becomes; NULL: it stays the same user. The
 * process becomes that user for good, after the checks that only root may make.
 * Prints the findings. Returns 0 if all is well, 1 if a problem keeps
 * connections from working, or a negative errno after saying on standard error
 * what is wrong: -EINVAL for wrong prefixes.
 */
int doctor_run(const struct config *config,
    const struct doctor_request *request, const struct privilege *privilege);

/* At start: makes the quick checks, and logs only the problems. */
void doctor_warn(const struct config *config, const char *path);

/* After a reload: makes the quick checks that the sandbox permits. */
void doctor_warn_again(const struct config *config);

#endif
