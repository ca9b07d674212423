#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/signals.h"
#include "config/config.h"
#include "config/live_config.h"
#include "doctor/doctor.h"
#include "doctor/finding.h"
#include "options.h"
#include "process/limits.h"
#include "process/notify.h"
#include "process/nss.h"
#include "process/pidfile.h"
#include "process/privilege.h"
#include "process/sandbox.h"
#include "proxy/proxy.h"
#include "proxy/role.h"
#include "rules/count.h"
#include "rules/rules.h"
#include "status/status.h"

static void
report_problem(bool fatal, const char *problem)
{
	(void)fatal;
	fprintf(stderr, "%s\n", problem);
}

/* The terminal shows why the daemon does not start; warnings go to the log. */
static void
report_start(bool fatal, const char *problem)
{
	if (fatal)
		report_problem(fatal, problem);
	else
		live_config_log_problem(fatal, problem);
}

/* Of the command "doctor". */
static struct findings findings;

static void
report_finding(bool fatal, const char *problem)
{
	if (fatal)
		report_problem(fatal, problem);
	else
		finding_note(&findings, "%s", problem);
}

/* The daemon logs these warnings itself; do not mix them with the rules. */
static void
report_fatal(bool fatal, const char *problem)
{
	if (fatal)
		report_problem(fatal, problem);
}

static config_report *
choose_report(const struct options *options)
{
	if (options->command == OPTIONS_DOCTOR)
		return report_finding;
	if (options->command == OPTIONS_RULES ||
	    options->command == OPTIONS_STATUS)
		return report_fatal;
	return options->check ? report_problem : report_start;
}

static void
warn_of_root(const struct options *options, config_report *report)
{
	if (!options->user && geteuid() == 0)
		report(false,
		    "srcproxy: warning: started by root without -u, so it "
		    "keeps running as root; name a system user of its own with "
		    "-u");
}

/* Before the configuration is read, as reading it may log warnings. */
static void
open_log(const struct options *options)
{
	if (options->command != OPTIONS_RUN || options->check)
		return;
	if (options->syslog)
		log_open_syslog(LOG_LEVEL_INFO);
	else
		log_open(LOG_LEVEL_INFO);
	log_info("starting version=%s role=%s config=\"%s\"", SRCPROXY_VERSION,
	    options->kind == CONFIG_SERVER ? server_role.name
					   : client_role.name,
	    options->path);
}

/*
 * If descriptor 2 were closed, a socket could get that number and receive the
 * log.
 */
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

/* glibc would give each worker that resolves a name an arena of 64 MiB. */
static void
share_one_arena(void)
{
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 1);
#endif
}

static bool
find_user(const char *text, struct privilege *privilege)
{
	const char *wrong = privilege_parse(text, privilege);

	if (wrong)
		fprintf(stderr, "srcproxy: -u %s: %s\n", text, wrong);
	return !wrong;
}

/* Called when all is done that needs more privileges than serving does. */
static int
give_up_powers(const struct options *options, const struct privilege *privilege,
    uint64_t capabilities)
{
	if (!options->user)
		return privilege_trim(capabilities);
	if (privilege_drop(privilege, capabilities))
		return -1;
	if (access(options->path, R_OK))
		log_warning("%s: %s as user %s: it cannot be read again "
			    "without a restart; give it the user's group "
			    "(chgrp) and chmod 640",
		    options->path, strerror(errno), options->user);
	return 0;
}

/* Enters the sandbox. Returns the path of the configuration inside it. */
static const char *
lock_in(const struct options *options, const struct config *config)
{
	struct sandbox sandbox = {
		.config_path = options->path,
		.socket_path =
		    *config->status_path ? config->status_path : NULL,
		.names = endpoint_list_find_name(&config->servers) != NULL,
		.binds_ports = config->kind == CONFIG_SERVER,
	};

	if (sandbox.names)
		nss_load("/etc/nsswitch.conf");
	return sandbox_enter(&sandbox);
}

/* Takes over the reference to config. Returns the exit status. */
static int
serve(const struct options *options, const struct privilege *privilege,
    struct config *config)
{
	const struct role *role =
	    config->kind == CONFIG_SERVER ? &server_role : &client_role;
	const struct privilege *owner = options->user ? privilege : NULL;
	uint64_t capabilities = role->capabilities(config);
	struct limits limits = { 0 };
	const char *path;
	size_t live;
	int status;

	log_set_level(config->log_level);
	notify_open();
	limits_raise_descriptors();
	share_one_arena();
	signals_block();
	/*
	 * The PID file first: its lock tells a second instance that one is
	 * running. A process that is replaced passes it on.
	 */
	if ((options->replace && proxy_replace(role, config)) ||
	    (options->pidfile && pidfile_open(options->pidfile)) ||
	    proxy_open(role, config, owner) ||
	    give_up_powers(options, privilege, capabilities)) {
		config_unref(config);
		return EXIT_FAILURE;
	}
	/*
	 * After the change of user, whose limits count, and before the sandbox
	 * hides /proc.
	 */
	limits_read(&limits, "");
	doctor_warn(config, options->path);
	path = lock_in(options, config);
	/* The proxy has its own reference, which it drops at a reload. */
	config_unref(config);
	status = proxy_run(&limits, path, doctor_warn_again, &live);
	pidfile_empty();
	if (live > 0)
		_exit(status);
	return status;
}

/* A host that is set up without a network may check its files all the same. */
static void
check_names(const struct options *options, const struct config *config)
{
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	size_t count;

	for (size_t i = 0; i < config->servers.count; i++) {
		const struct endpoint *server = &config->servers.items[i];
		const char *wrong = endpoint_resolve(server, addresses, &count);

		if (wrong)
			fprintf(stderr,
			    "%s: warning: outbound.server: %s: %s\n",
			    options->path, server->host, wrong);
	}
}

/*
 * The exit status of a command that printed its output, or failed. stdio drops
 * what it could not write, so the last write may succeed after a hole.
 */
static int
finish_command(int error, const char *output)
{
	const char *wrong = NULL;

	if (error)
		return error == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
	if (fflush(stdout))
		wrong = strerror(errno);
	else if (ferror(stdout))
		wrong = "a part of the output is missing";
	if (!wrong)
		return EXIT_SUCCESS;
	fprintf(stderr, "srcproxy: cannot write the %s: %s\n", output, wrong);
	return EXIT_FAILURE;
}

static int
examine(const struct config *config, const struct options *options,
    const struct privilege *privilege)
{
	const struct doctor_request request = { options->path,
		options->prefixes, &findings };
	int result =
	    doctor_run(config, &request, options->user ? privilege : NULL);
	int status = finish_command(result < 0 ? result : 0, "findings");

	return result > 0 ? EXIT_FAILURE : status;
}

/* The kernel's counters go with an answer about users, once. */
static int
ask(const struct config *config, struct status_request *request)
{
	int error;

	request->path = config->status_path;
	if (config->kind == CONFIG_SERVER && !request->connections &&
	    !request->watch)
		request->prefixes = count_read(config->listen.port);
	error = status_run(request);
	json_object_put(request->prefixes);
	return finish_command(error, "status");
}

int
main(int argc, char **argv)
{
	struct options options;
	struct privilege privilege;
	config_report *report;
	struct config *config;
	int status = EXIT_SUCCESS;

	open_standard_descriptors();
	nss_configure();
	signal(SIGPIPE, SIG_IGN);
	options_parse(argc, argv, &options);
	open_log(&options);
	findings.as_json = options.json;
	report = choose_report(&options);
	config = config_load(options.path, options.kind, report);
	if (!config)
		return EXIT_FAILURE;
	warn_of_root(&options, report);
	if (options.user && !find_user(options.user, &privilege))
		status = EXIT_FAILURE;
	else if (options.command == OPTIONS_RUN && !options.check)
		return serve(&options, &privilege, config);
	else if (options.command == OPTIONS_RULES)
		status = finish_command(
		    rules_print(config, &options.rules, stdout), "rules");
	else if (options.command == OPTIONS_DOCTOR)
		status = examine(config, &options, &privilege);
	else if (options.command == OPTIONS_STATUS)
		status = ask(config, &options.status);
	else {
		check_names(&options, config);
		printf("%s: the configuration is fine\n", options.path);
	}
	config_unref(config);
	return status;
}
