#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

/* The running program: listeners, acceptors, workers, and the end of it all. */

#include "config/config.h"
#include "process/limits.h"
#include "proxy/role.h"

/*
 * Starts to listen, once in a process, and to no avail until proxy_run(). What
 * root alone may do is done then. Keeps a reference of its own to config, which
 * the caller's reload may replace. Returns 0, or -1 after reporting why not.
 */
int proxy_open(const struct role *role, struct config *config);

/*
 * Serves until SIGTERM or SIGINT, then lets the connections come to their end
 * for drain_ms or until the second of these signals; reads path again at
 * SIGHUP. All signals must be blocked. Reports failures itself. Returns the
 * exit status; *live is the number of connections whose workers still run: the
 * caller must then leave with _exit(2), which resets them.
 */
int proxy_run(const struct limits *limits, const char *path, size_t *live);

#endif
