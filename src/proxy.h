#ifndef PROXY_H
#define PROXY_H

/* The running program: listeners, acceptors, workers, and the end of it all. */

#include "config.h"
#include "role.h"

/*
 * Starts to listen, once in a process, and to no avail until proxy_run(). What
 * root alone may do is done then. Returns 0, or -1 after reporting why not.
 */
int proxy_open(const struct role *role, const struct config *config);

/*
 * Serves until SIGTERM, SIGINT or SIGHUP, then lets the connections come to their end
 * for config->drain_ms or until the second of these signals. All signals must
 * be blocked. Reports failures itself. Returns the exit status; *live is the
 * number of connections whose workers still run and use config: the caller
 * must then leave with _exit(2), which resets them.
 */
int proxy_run(size_t *live);

#endif
