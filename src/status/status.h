#ifndef STATUS_STATUS_H
#define STATUS_STATUS_H

/* srcproxy status: asks the half that runs with a configuration. */

#include <stdbool.h>

#include "config/config.h"

/* Of the first four at most one, but json with connections. */
struct status_request {
	bool json, metrics, watch, connections;
	const char *user; /* connections: whose; NULL: everybody's */
};

/*
 * Prints the answer to standard output. Returns 0, or -EINVAL for what cannot be
 * asked like that, or another negative errno, after reporting it.
 */
int status_run(
    const struct config *config, const struct status_request *request);

#endif
