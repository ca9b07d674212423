#ifndef CONFIG_LIVE_CONFIG_H
#define CONFIG_LIVE_CONFIG_H

/*
 * The configuration for new connections, and its replacement at a reload. Each
 * connection keeps the configuration with which it began.
 */

#include <pthread.h>

#include "config/config.h"

/* When the configuration was read, and why a later version was not used. */
struct live_config_state {
	int64_t read_at;   /* seconds since 1970 */
	int64_t failed_at; /* 0: no failure since then */
	char problem[512]; /* the first one; "": none */
};

struct live_config {
	pthread_mutex_t lock;
	struct config *config;
	struct live_config_state state;
};

/* Takes over the caller's reference. */
void live_config_init(struct live_config *live_config, struct config *config);

/* References that connections hold stay valid. */
void live_config_finish(struct live_config *live_config);

/* May be called from any thread. The caller must config_unref() the result. */
struct config *live_config_ref(struct live_config *live_config);

/* Any thread. */
void live_config_state(
    struct live_config *live_config, struct live_config_state *state);

/*
 * A config_report for the log. A line of the log names its level itself, so the
 * word "warning: " of the problem is left out.
 */
void live_config_log_problem(bool fatal, const char *problem);

/*
 * Reads the file again and calls the role's prepare() (proxy/role.h). On a
 * failure it logs why, keeps the old configuration and returns false. Only one
 * thread may call this.
 */
bool live_config_reload(struct live_config *live_config,
    int (*prepare)(const struct config *config), const char *path);

#endif
