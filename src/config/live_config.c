#include "config/live_config.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/log.h"
#include "base/must.h"

void
live_config_init(struct live_config *live_config, struct config *config)
{
	must(pthread_mutex_init(&live_config->lock, NULL));
	live_config->config = config;
	live_config->state = (struct live_config_state){
		.read_at = time(NULL),
	};
}

void
live_config_finish(struct live_config *live_config)
{
	config_unref(live_config->config);
	must(pthread_mutex_destroy(&live_config->lock));
}

struct config *
live_config_ref(struct live_config *live_config)
{
	struct config *config;

	must(pthread_mutex_lock(&live_config->lock));
	config = config_ref(live_config->config);
	must(pthread_mutex_unlock(&live_config->lock));
	return config;
}

/* The first problem of a reload; only one thread reloads. */
static char first_problem[512];

void
live_config_log_problem(bool fatal, const char *problem)
{
	static const char word[] = "warning: ";
	const char *found = strstr(problem, word);

	if (fatal && !*first_problem)
		snprintf(first_problem, sizeof(first_problem), "%s", problem);
	if (fatal)
		log_error("config %s", problem);
	else if (found)
		log_warning("config %.*s%s", (int)(found - problem), problem,
		    found + strlen(word));
	else
		log_warning("config %s", problem);
}

/* The sandbox lets no socket be made at another path. */
static void
keep_status(struct config *config, const struct config *running)
{
	if (strcmp(config->status_path, running->status_path) != 0)
		log_warning("status has changed, which needs a restart; still "
			    "\"%s\"",
		    running->status_path);
	strcpy(config->status_path, running->status_path);
}

/*
 * A reload does not change the listeners, so the endpoint must stay, too: loops
 * are found by it.
 */
static void
keep_listen(struct config *config, const struct endpoint *running)
{
	char text[ENDPOINT_STRLEN];

	if (config->listen.port != running->port ||
	    strcmp(config->listen.host, running->host) != 0)
		log_warning("listen has changed, which needs a restart; still "
			    "listening on %s",
		    endpoint_format(running, text));
	config->listen = *running;
}

void
live_config_state(
    struct live_config *live_config, struct live_config_state *state)
{
	must(pthread_mutex_lock(&live_config->lock));
	*state = live_config->state;
	must(pthread_mutex_unlock(&live_config->lock));
}

static void
note_failure(struct live_config *live_config)
{
	struct live_config_state *state = &live_config->state;

	must(pthread_mutex_lock(&live_config->lock));
	state->failed_at = time(NULL);
	strcpy(state->problem, *first_problem ? first_problem : "see the log");
	must(pthread_mutex_unlock(&live_config->lock));
}

/* The listeners and the firewall's rules were made for the mode of the start. */
static bool
keeps_mode(const struct config *config, const struct config *running)
{
	if (config->mode == running->mode)
		return true;
	log_error("inbound.mode has changed, which needs a restart, and the "
		  "rules of the new mode: srcproxy rules");
	return false;
}

static void
replace(struct live_config *live_config, struct config *config)
{
	struct config *old = live_config->config;

	must(pthread_mutex_lock(&live_config->lock));
	live_config->config = config;
	live_config->state.read_at = time(NULL);
	live_config->state.failed_at = 0;
	*live_config->state.problem = '\0';
	must(pthread_mutex_unlock(&live_config->lock));
	config_unref(old);
}

/*
 * open(2) of a FIFO without a writer would block the thread that takes the
 * signals.
 */
static bool
can_be_read_again(const char *path)
{
	struct stat status;

	if (stat(path, &status) || S_ISREG(status.st_mode))
		return true;
	log_error(
	    "config %s: this is not a regular file, so it cannot be read again",
	    path);
	return false;
}

bool
live_config_reload(struct live_config *live_config,
    int (*prepare)(const struct config *config), const char *path)
{
	struct config *config = NULL;

	*first_problem = '\0';
	if (can_be_read_again(path))
		config = config_load(
		    path, live_config->config->kind, live_config_log_problem);
	if (!config || !keeps_mode(config, live_config->config) ||
	    prepare(config)) {
		/* Before the line: its reader may ask for the problem at once. */
		note_failure(live_config);
		log_error("reload-failed path=\"%s\" reason=\"see the lines "
			  "before; nothing has changed\"",
		    path);
		config_unref(config);
		return false;
	}
	keep_status(config, live_config->config);
	keep_listen(config, &live_config->config->listen);
	replace(live_config, config);
	log_set_level(config->log_level);
	log_info("reloaded path=\"%s\"", path);
	return true;
}
