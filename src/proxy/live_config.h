#ifndef PROXY_LIVE_CONFIG_H
#define PROXY_LIVE_CONFIG_H

/*
 * The configuration that new connections begin with, and its replacement by a
 * newer one. Each connection keeps the one that it began with.
 */

#include <pthread.h>

#include "config/config.h"
#include "proxy/role.h"

struct live_config {
	pthread_mutex_t lock;
	struct config *config;
};

/* Takes over the caller's reference. */
void live_config_init(struct live_config *live_config, struct config *config);

/* Those that others hold live on. */
void live_config_finish(struct live_config *live_config);

/* Any thread. The caller has a reference, for config_unref(). */
struct config *live_config_ref(struct live_config *live_config);

/*
 * Reads the file again, and asks the role again to prepare. Whatever is wrong
 * is logged, and the old one stays: false. Only one thread may call this.
 */
bool live_config_reload(
    struct live_config *live_config, const struct role *role, const char *path);

#endif
