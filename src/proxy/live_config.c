#include "proxy/live_config.h"

#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/must.h"

void
current_init(struct current *current, struct config *config)
{
	must(pthread_mutex_init(&current->lock, NULL));
	current->config = config;
}

void
current_finish(struct current *current)
{
	config_unref(current->config);
	must(pthread_mutex_destroy(&current->lock));
}

struct config *
current_ref(struct current *current)
{
	struct config *config;

	must(pthread_mutex_lock(&current->lock));
	config = config_ref(current->config);
	must(pthread_mutex_unlock(&current->lock));
	return config;
}

static void
log_problem(bool fatal, const char *problem)
{
	if (fatal)
		log_error("config %s", problem);
	else
		log_warning("config %s", problem);
}

/*
 * The listeners stay what they are, and so does the endpoint: loops are found
 * by it.
 */
static void
keep_listen(struct config *config, const struct endpoint *running)
{
	if (config->listen.port != running->port ||
	    strcmp(config->listen.host, running->host) != 0)
		log_warning("listen has changed, which needs a restart; still "
			    "listening on %s:%u",
		    running->host, running->port);
	config->listen = *running;
}

static void
replace(struct current *current, struct config *config)
{
	struct config *old = current->config;

	must(pthread_mutex_lock(&current->lock));
	current->config = config;
	must(pthread_mutex_unlock(&current->lock));
	config_unref(old);
}

/* A FIFO that nobody writes to would be waited for, deaf to all signals. */
static bool
can_be_read_again(const char *path)
{
	struct stat status;

	if (stat(path, &status) || S_ISREG(status.st_mode))
		return true;
	log_error("config %s: this is no regular file, which alone can be read "
		  "again",
	    path);
	return false;
}

bool
current_reload(
    struct current *current, const struct role *role, const char *path)
{
	struct config *config = NULL;

	if (can_be_read_again(path))
		config = config_load(path, current->config->kind, log_problem);
	if (!config || role->prepare(config)) {
		log_error("reload-failed path=\"%s\" reason=\"see the lines "
			  "before; nothing has changed\"",
		    path);
		config_unref(config);
		return false;
	}
	keep_listen(config, &current->config->listen);
	replace(current, config);
	log_set_level(config->log_level);
	log_info("reloaded path=\"%s\"", path);
	return true;
}
