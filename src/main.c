#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config.h"
#include "log.h"
#include "proxy.h"
#include "role.h"

#define EXIT_USAGE 2

struct options {
	bool check;
	enum config_kind kind;
	const char *path;
};

static void
print_usage(FILE *stream)
{
	fputs("usage: srcproxy [-t] client|server CONFIG\n"
	      "       srcproxy -h | -V\n"
	      "\n"
	      "Carries TCP through a second host and keeps the sender's "
	      "address.\n"
	      "\n"
	      "  client            take connections that the firewall "
	      "redirects here\n"
	      "  server            open them again from the users' own "
	      "addresses\n"
	      "  CONFIG            a JSON5 file, see srcproxy(8)\n"
	      "  -t, --test        check CONFIG and exit\n"
	      "  -h, --help        print this text\n"
	      "  -V, --version     print the version\n",
	    stream);
}

static void __attribute__((noreturn))
leave_with_usage(const char *wrong, const char *what)
{
	if (wrong)
		fprintf(stderr, "srcproxy: %s%s\n", wrong, what);
	fputs("usage: srcproxy [-t] client|server CONFIG\n"
	      "Try 'srcproxy --help'.\n",
	    stderr);
	exit(EXIT_USAGE);
}

static void
parse_options(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {
		{ "test", no_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "thV", names, NULL)) != -1) {
		switch (option) {
		case 't':
			options->check = true;
			break;
		case 'h':
			print_usage(stdout);
			exit(EXIT_SUCCESS);
		case 'V':
			puts("srcproxy " SRCPROXY_VERSION);
			exit(EXIT_SUCCESS);
		default:
			leave_with_usage(NULL, NULL);
		}
	}
	if (argc - optind < 1)
		leave_with_usage("say which half: client or server", "");
	if (!strcmp(argv[optind], "client"))
		options->kind = CONFIG_CLIENT;
	else if (!strcmp(argv[optind], "server"))
		options->kind = CONFIG_SERVER;
	else
		leave_with_usage("neither client nor server: ", argv[optind]);
	if (argc - optind != 2)
		leave_with_usage("name one configuration file", "");
	options->path = argv[optind + 1];
}

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

/* Two descriptors a connection soon add up to more than the usual 1,024. */
static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Workers that resolve names would each be given an arena, 64 MiB wide. */
static void
share_one_arena(void)
{
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 1);
#endif
}

/* Before the first thread: all others take the mask over. */
static void
block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	/* These say that something is broken. */
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGABRT);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
}

int
main(int argc, char **argv)
{
	struct options options = { 0 };
	struct config *config;
	size_t live;
	int status;

	open_standard_descriptors();
	signal(SIGPIPE, SIG_IGN);
	parse_options(argc, argv, &options);
	config = config_load(options.path, options.kind, report_problem);
	if (!config)
		return EXIT_FAILURE;
	if (options.check) {
		printf("%s: the configuration is fine\n", options.path);
		config_destroy(config);
		return EXIT_SUCCESS;
	}
	log_open(config->log_level);
	raise_descriptor_limit();
	share_one_arena();
	block_signals();
	status = proxy_run(
	    options.kind == CONFIG_SERVER ? &server_role : &client_role, config,
	    &live);
	if (live > 0)
		_exit(status);
	config_destroy(config);
	return status;
}
