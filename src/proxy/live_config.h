#ifndef PROXY_LIVE_CONFIG_H
#define PROXY_LIVE_CONFIG_H

/*
 * The configuration that new connections begin with, and its replacement by a
 * newer one. Each connection keeps the one that it began with.
 */

#include <pthread.h>

#include "config/config.h"
#include "proxy/role.h"

struct current {
	pthread_mutex_t lock;
	struct config *config;
};

/* Takes over the caller's reference. */
void current_init(struct current *current, struct config *config);

/* Those that others hold live on. */
void current_finish(struct current *current);

/* Any thread. The caller has a reference, for config_unref(). */
struct config *current_ref(struct current *current);

/*
 * Reads the file again, and asks the role again to prepare. Whatever is wrong
 * is logged, and the old one stays: false. Only one thread may call this.
 */
bool current_reload(
    struct current *current, const struct role *role, const char *path);

#endif
