#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

/* The running daemon: listeners, acceptors, workers, reload and shutdown. */

#include "config/config.h"
#include "process/limits.h"
#include "process/privilege.h"
#include "proxy/role.h"

/*
 * Before proxy_open(): this process is to replace the one that answers on the
 * configuration's status socket, if there is one. Returns 0, or -1 after logging
 * why it cannot.
 */
int proxy_replace(const struct role *role, const struct config *config);

/*
 * Starts to listen; nothing is accepted before proxy_run(). Call it once in a
 * process. After it the proxy needs nothing that only root may do. Keeps a
 * reference of its own to config. owner: the user that this process becomes, or
 * NULL. Returns 0, or -1 after logging why.
 */
int proxy_open(const struct role *role, struct config *config,
    const struct privilege *owner);

/* Gets the new configuration after a reload, inside the sandbox. */
typedef void proxy_reloaded(const struct config *config);

/*
 * Takes over the connections of the process that it replaces. Serves until
 * SIGTERM or SIGINT, or until another process replaces this one. Then it lets
 * the connections end, for at most drain_ms or until a second such signal.
 * SIGHUP makes it read path again, and call reloaded() if that succeeded. The
 * caller must have blocked all signals. Logs failures itself. Returns the exit
 * status. *live is the number of connections whose workers still run: if there
 * are any, the caller must leave with _exit(2), which resets them.
 */
int proxy_run(const struct limits *limits, const char *path,
    proxy_reloaded *reloaded, size_t *live);

#endif
