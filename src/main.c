#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "capacity.h"
#include "config.h"
#include "log.h"
#include "notify.h"
#include "options.h"
#include "proxy.h"
#include "role.h"
#include "signals.h"

static void
report_problem(bool fatal, const char *problem)
{
	(void)fatal;
	fprintf(stderr, "%s\n", problem);
}

/* A socket that became descriptor 2 would be sent the log. */
static void
open_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* Workers that resolve names would each be given an arena, 64 MiB wide. */
static void
share_one_arena(void)
{
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 1);
#endif
}

int
main(int argc, char **argv)
{
	struct options options;
	struct config *config;
	size_t live;
	int status;

	open_standard_descriptors();
	signal(SIGPIPE, SIG_IGN);
	options_parse(argc, argv, &options);
	config = config_load(options.path, options.kind, report_problem);
	if (!config)
		return EXIT_FAILURE;
	if (options.check) {
		printf("%s: the configuration is fine\n", options.path);
		config_unref(config);
		return EXIT_SUCCESS;
	}
	log_open(config->log_level);
	notify_open();
	capacity_raise_descriptors();
	share_one_arena();
	signals_block();
	status = proxy_run(
	    options.kind == CONFIG_SERVER ? &server_role : &client_role, config,
	    options.path, &live);
	log_finish();
	if (live > 0)
		_exit(status);
	return status;
}
