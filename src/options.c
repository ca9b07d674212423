#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2

static const char synopsis[] =
    "usage: srcproxy [-st] [-u USER[:GROUP]] client|server CONFIG\n";

static _Noreturn void
leave_with_help(void)
{
	fputs(synopsis, stdout);
	fputs("       srcproxy -h | -V\n"
	      "\n"
	      "Carries TCP through a second host and keeps the sender's "
	      "address.\n"
	      "\n"
	      "  client            take connections that the firewall "
	      "redirects here\n"
	      "  server            open them again from the users' own "
	      "addresses\n"
	      "  CONFIG            a JSON5 file, see srcproxy.conf(5)\n"
	      "  -s, --syslog      log to syslog instead of standard error\n"
	      "  -t, --test        check CONFIG and exit\n"
	      "  -u, --user USER[:GROUP]\n"
	      "                    become that user when the listeners are "
	      "open, and keep\n"
	      "                    only the capabilities that CONFIG needs\n"
	      "  -h, --help        print this text\n"
	      "  -V, --version     print the version\n",
	    stdout);
	exit(EXIT_SUCCESS);
}

static _Noreturn void
leave_with_version(void)
{
	puts("srcproxy " SRCPROXY_VERSION);
	exit(EXIT_SUCCESS);
}

static _Noreturn void
leave_with_usage(const char *wrong, const char *what)
{
	if (wrong)
		fprintf(stderr, "srcproxy: %s%s\n", wrong, what);
	fputs(synopsis, stderr);
	fputs("Try 'srcproxy --help'.\n", stderr);
	exit(EXIT_USAGE);
}

static void
parse_flags(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {
		{ "syslog", no_argument, NULL, 's' },
		{ "test", no_argument, NULL, 't' },
		{ "user", required_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int flag;

	while ((flag = getopt_long(argc, argv, "stu:hV", names, NULL)) != -1) {
		switch (flag) {
		case 's':
			options->syslog = true;
			break;
		case 't':
			options->check = true;
			break;
		case 'u':
			options->user = optarg;
			break;
		case 'h':
			leave_with_help();
		case 'V':
			leave_with_version();
		default:
			/* getopt_long(3) has said what is wrong. */
			leave_with_usage(NULL, NULL);
		}
	}
}

static enum config_kind
parse_half(const char *half)
{
	if (!half)
		leave_with_usage("say which half: client or server", "");
	if (!strcmp(half, "client"))
		return CONFIG_CLIENT;
	if (!strcmp(half, "server"))
		return CONFIG_SERVER;
	leave_with_usage("neither client nor server: ", half);
}

void
options_parse(int argc, char **argv, struct options *options)
{
	*options = (struct options){ 0 };
	parse_flags(argc, argv, options);
	options->kind = parse_half(argv[optind]);
	if (argc - optind != 2)
		leave_with_usage("name one configuration file", "");
	options->path = argv[optind + 1];
}
