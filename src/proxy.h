#ifndef PROXY_H
#define PROXY_H

/* The running program: listeners, acceptors, workers, and the end of it all. */

#include "config.h"
#include "role.h"

/*
 * Serves until SIGTERM or SIGINT, then lets the connections come to their end
 * for config->drain_ms or until the second of these signals; reads path again
 * at SIGHUP. All signals must be blocked. Takes over the caller's reference to
 * config. Reports failures itself. Returns the exit status; *live is the number
 * of connections whose workers still run: the caller must then leave with
 * _exit(2), which resets them.
 */
int proxy_run(const struct role *role, struct config *config, const char *path,
    size_t *live);

#endif
