#ifndef PROXY_STATUS_REPORT_H
#define PROXY_STATUS_REPORT_H

/*
 * The answer of the status socket: one JSON object. Its members have the names
 * of the log's fields where they mean the same. Times are seconds since 1970.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include "config/live_config.h"
#include "process/limits.h"
#include "proxy/accounts.h"
#include "proxy/admission.h"
#include "proxy/connection.h"
#include "proxy/connection_table.h"
#include "proxy/listeners.h"
#include "proxy/recent.h"

/* The parts of the running program; they outlive this. */
struct status_source {
	const struct service *service;
	const char *config_path;
	const struct limits *limits;
	struct live_config *live_config;
	struct listeners listeners; /* a copy; the descriptors are not used */
	int64_t started_at;
	atomic_bool is_stopping;
};

/*
 * Writes piece by piece, so the memory does not grow with the number of
 * connections. with_connections: also the live ones, the newest first; user:
 * only those of that user, named as in the log; NULL: all. Delays no
 * connection, even if out is slow.
 */
void status_report_write(const struct status_source *source,
    bool with_connections, const char *user, FILE *out);

#endif
