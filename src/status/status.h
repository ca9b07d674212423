#ifndef STATUS_STATUS_H
#define STATUS_STATUS_H

/* srcproxy status: asks a half that runs. */

#include <json-c/json.h>
#include <stdbool.h>

struct status_request {
	/* At most one of these, but json with connections. */
	bool json, metrics, watch, connections;
	const char *user; /* connections: whose; NULL: everybody's */
	const char *path; /* of the half's status socket; "": it has none */

	/*
	 * What rules --count counted, shown as the member "prefixes": an array
	 * of objects with prefix, sent and received. NULL: nothing.
	 */
	struct json_object *prefixes;
};

/*
 * Prints the answer to standard output. Returns 0, or -EINVAL for what cannot be
 * asked like that, or another negative errno, after reporting it.
 */
int status_run(const struct status_request *request);

#endif
