#ifndef PROXY_STATUS_REPORT_H
#define PROXY_STATUS_REPORT_H

/*
 * What the status socket answers: one JSON object, whose members are those of
 * the log where they mean the same. Times are seconds since 1970. It is written
 * piece by piece, so that it takes little memory however many there are.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "process/limits.h"
#include "proxy/accounts.h"
#include "proxy/admission.h"
#include "proxy/connection_table.h"
#include "proxy/gates.h"
#include "proxy/last_refusals.h"
#include "proxy/live_config.h"

/* What it is made of: the running program's, which outlives it. */
struct status_source {
	const struct role *role;
	const char *config_path;
	const struct limits *limits;
	struct live_config *live_config;
	struct admission *admission;
	struct accounts *accounts;
	struct connection_table *table;
	struct gates *gates;
	struct last_refusals *refusals;
	/* These do not change. */
	int64_t started_at;
	union address listeners[ENDPOINT_MAX_ADDRESSES];
	size_t listener_count;
	atomic_bool is_stopping;
};

/* Takes a piece of the answer; false if nobody wants any more of it. */
typedef bool status_put(void *owner, const char *text, size_t len);

/*
 * with_connections: also those that are there, the newest first; user: those of
 * that user, by the name in the log, alone; or NULL. Holds up no connection,
 * however slow put() is. Returns false if put() did.
 */
bool status_report_write(const struct status_source *source,
    bool with_connections, const char *user, status_put *put, void *owner);

#endif
