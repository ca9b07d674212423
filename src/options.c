#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Options that have no letter. */
enum {
	OPTION_IPTABLES = 256,
	OPTION_SIMPLE,
	OPTION_OUTPUT,
	OPTION_REMOVE,
};

static const char synopsis[] =
    "usage: srcproxy [-st] [-p PIDFILE] [-u USER[:GROUP]] client|server "
    "CONFIG\n"
    "       srcproxy rules [--iptables] [--simple] [--output] [--remove]\n"
    "                      client|server CONFIG [PREFIX...]\n"
    "       srcproxy doctor [-u USER[:GROUP]] client|server CONFIG "
    "[PREFIX...]\n";

/* With the synopsis it fits a screen. */
static const char help[] =
    "Carries TCP through a second host and keeps the sender's address.\n"
    "\n"
    "  client                   take connections that the firewall redirects "
    "here\n"
    "  server                   open them again from the users' own addresses\n"
    "  CONFIG                   a JSON5 file, see srcproxy.conf(5)\n"
    "  -p, --pidfile PIDFILE    write the process id there once it listens\n"
    "  -s, --syslog             log to syslog instead of standard error\n"
    "  -t, --test               check CONFIG and exit\n"
    "  -u, --user USER[:GROUP]  become that user, with the capabilities it "
    "needs\n"
    "  -h, --help               print this text\n"
    "  -V, --version            print the version\n"
    "  rules                    print its firewall rules and routes, for sh\n"
    "  PREFIX                   the users' addresses, where CONFIG does not "
    "say\n"
    "  --iptables               for iptables rather than nft\n"
    "  --simple                 server: for exits without IP_TRANSPARENT\n"
    "  --output                 client: the gate's own connections too\n"
    "  --remove                 print what takes them away again\n"
    "  doctor                   look at this host, say what keeps it from "
    "working\n"
    "  -u, --user USER[:GROUP]  as the user that the half becomes\n";

static _Noreturn void
leave_with_help(void)
{
	fputs(synopsis, stdout);
	fputs(help, stdout);
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
take_flag(int flag, struct options *options)
{
	switch (flag) {
	case 'p':
		options->pidfile = optarg;
		break;
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
	case OPTION_IPTABLES:
		options->rules.iptables = true;
		break;
	case OPTION_SIMPLE:
		options->rules.simple = true;
		break;
	case OPTION_OUTPUT:
		options->rules.output = true;
		break;
	case OPTION_REMOVE:
		options->rules.remove = true;
		break;
	default:
		/* getopt_long(3) has said what is wrong. */
		leave_with_usage(NULL, NULL);
	}
}

static void
parse_flags(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {
		{ "pidfile", required_argument, NULL, 'p' },
		{ "syslog", no_argument, NULL, 's' },
		{ "test", no_argument, NULL, 't' },
		{ "user", required_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "iptables", no_argument, NULL, OPTION_IPTABLES },
		{ "simple", no_argument, NULL, OPTION_SIMPLE },
		{ "output", no_argument, NULL, OPTION_OUTPUT },
		{ "remove", no_argument, NULL, OPTION_REMOVE },
		{ 0 },
	};
	int flag;

	while ((flag = getopt_long(argc, argv, "p:stu:hV", names, NULL)) != -1)
		take_flag(flag, options);
}

/* The first word, where it is one. */
static void
parse_command(const char *word, struct options *options)
{
	const struct rules_request *rules = &options->rules;

	if (word && !strcmp(word, "rules"))
		options->command = OPTIONS_RULES;
	else if (word && !strcmp(word, "doctor"))
		options->command = OPTIONS_DOCTOR;
	if (options->command != OPTIONS_RUN) {
		if (options->check || options->pidfile || options->syslog)
			leave_with_usage(
			    "-p, -s and -t are no options of ", word);
		if (options->user && options->command == OPTIONS_RULES)
			leave_with_usage("-u is no option of ", word);
		optind++;
	}
	if (options->command != OPTIONS_RULES &&
	    (rules->iptables || rules->simple || rules->output ||
		rules->remove)) {
		leave_with_usage("--iptables, --simple, --output and "
				 "--remove are options of: srcproxy rules",
		    "");
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

static void
check_rules(const struct options *options)
{
	if (options->rules.simple && options->kind != CONFIG_SERVER)
		leave_with_usage("--simple is for the server half", "");
	if (options->rules.output && options->kind != CONFIG_CLIENT)
		leave_with_usage("--output is for the client half", "");
	if (options->rules.simple && options->rules.iptables)
		leave_with_usage("--simple needs no firewall, so no "
				 "--iptables",
		    "");
}

void
options_parse(int argc, char **argv, struct options *options)
{
	*options = (struct options){ 0 };
	parse_flags(argc, argv, options);
	parse_command(argv[optind], options);
	options->kind = parse_half(argv[optind++]);
	if (!argv[optind])
		leave_with_usage("name a configuration file", "");
	options->path = argv[optind++];
	options->prefixes = argv + optind;
	options->rules.prefixes = options->prefixes;
	if (options->command == OPTIONS_RULES)
		check_rules(options);
	else if (options->command == OPTIONS_RUN && argv[optind])
		leave_with_usage(
		    "name one configuration file, not also ", argv[optind]);
}
