#include "options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

#define FOR(command) (1U << (command))
#define HELP_COLUMN 27

/* A line of --help: an option, or a word that is only explained. */
struct row {
	char letter;       /* '\0': none */
	unsigned commands; /* FOR() those that have it and explain it */
	const char *name;
	const char *argument; /* NULL: none; "[...]": optional, after '=' */
	size_t field;         /* in struct options: a text if it has an
				 argument, otherwise a bool; 0: none */
	const char *help;
};

#define RUN FOR(OPTIONS_RUN)
#define RULES FOR(OPTIONS_RULES)
#define DOCTOR FOR(OPTIONS_DOCTOR)
#define STATUS FOR(OPTIONS_STATUS)
#define FIELD(name) offsetof(struct options, name)

static const struct row rows[] = {
	{ 0, RUN, "client", NULL, 0,
	    "take connections that the firewall redirects here" },
	{ 0, RUN, "server", NULL, 0,
	    "open them again from the users' own addresses" },
	{ 0, RUN, "CONFIG", NULL, 0, "a JSON5 file, see srcproxy.conf(5)" },
	{ 'p', RUN, "pidfile", "PIDFILE", FIELD(pidfile),
	    "write the process id there once it listens" },
	{ 0, RUN, "replace", NULL, FIELD(replace),
	    "take over from the running half; no connection ends" },
	{ 's', RUN, "syslog", NULL, FIELD(syslog),
	    "log to syslog instead of standard error" },
	{ 't', RUN, "test", NULL, FIELD(check), "check CONFIG and exit" },
	{ 'u', RUN | DOCTOR, "user", "USER[:GROUP]", FIELD(user),
	    "the system user that the half becomes" },
	{ 'h', RUN, "help", NULL, FIELD(help),
	    "print this text; after a command: its options" },
	{ 'V', RUN, "version", NULL, 0, "print the version" },
	{ 0, RUN, "rules", NULL, 0,
	    "print its firewall rules and routes, for sh" },
	{ 0, RUN, "doctor", NULL, 0,
	    "examine this host, say what keeps it from working" },
	{ 0, RUN, "status", NULL, 0,
	    "ask the running half: users, limits, refusals" },
	{ 0, RULES | DOCTOR, "PREFIX", NULL, 0,
	    "the users' addresses, where CONFIG does not say" },
	{ 0, RULES, "iptables", NULL, FIELD(rules.iptables),
	    "for iptables rather than nft" },
	{ 0, RULES, "simple", NULL, FIELD(rules.simple),
	    "server: for exits without IP_TRANSPARENT" },
	{ 0, RULES, "output", NULL, FIELD(rules.output),
	    "client: the gate's own connections too" },
	{ 0, RULES, "count", NULL, FIELD(rules.count),
	    "server: count the users' bytes, for status" },
	{ 0, RULES, "remove", NULL, FIELD(rules.remove),
	    "print the commands that remove them" },
	{ 0, STATUS, "connections", "[USER]", FIELD(status.user),
	    "all connections, or those of USER" },
	{ 0, DOCTOR | STATUS, "json", NULL, FIELD(json),
	    "all of it, for programs" },
	{ 0, STATUS, "metrics", NULL, FIELD(status.metrics), "for Prometheus" },
	{ 0, STATUS, "watch", NULL, FIELD(status.watch),
	    "the users and what they move, in a terminal" },
};

static const char synopsis[] =
    "usage: srcproxy [-st] [--replace] [-p PIDFILE] [-u USER[:GROUP]]\n"
    "                client|server CONFIG\n"
    "       srcproxy rules [--iptables] [--simple] [--output] [--count] "
    "[--remove]\n"
    "                      client|server CONFIG [PREFIX...]\n"
    "       srcproxy doctor [--json] [-u USER] client|server CONFIG "
    "[PREFIX...]\n"
    "       srcproxy status [--json] [--connections [USER]] [--metrics] "
    "[--watch]\n"
    "                      client|server CONFIG\n";

static bool
is_option(const struct row *row)
{
	return row->letter || row->field;
}

static void
print_row(const struct row *row)
{
	int width = printf("  ");

	if (row->letter)
		width += printf("-%c, ", row->letter);
	width += printf("%s%s", is_option(row) ? "--" : "", row->name);
	if (row->argument)
		width += printf(" %s", row->argument);
	printf("%*s%s\n", HELP_COLUMN - width, "", row->help);
}

/* With the synopsis it fits a screen. */
static _Noreturn void
leave_with_help(enum options_command command)
{
	fputs(synopsis, stdout);
	if (command == OPTIONS_RUN)
		puts("Carries TCP through a second host and keeps the "
		     "sender's address.\n");
	for (const struct row *row = rows; row < rows + COUNT(rows); row++) {
		if (row->commands & FOR(command))
			print_row(row);
	}
	exit(EXIT_SUCCESS);
}

static _Noreturn void
leave_with_version(void)
{
	puts("srcproxy " SRCPROXY_VERSION);
	exit(EXIT_SUCCESS);
}

static _Noreturn void
leave_with_usage(const char *problem, const char *what)
{
	if (problem)
		fprintf(stderr, "srcproxy: %s%s\n", problem, what);
	fputs(synopsis, stderr);
	fputs("Try 'srcproxy --help'.\n", stderr);
	exit(EXIT_USAGE);
}

/* An option without a letter gets a number that is no letter. */
static int
flag_of(const struct row *row)
{
	return row->letter ? row->letter : 256 + (int)(row - rows);
}

static int
argument_of(const struct row *row)
{
	if (!row->argument)
		return no_argument;
	return *row->argument == '[' ? optional_argument : required_argument;
}

/* For getopt_long(3). */
static void
list_options(struct option names[COUNT(rows) + 1], char *letters)
{
	for (const struct row *row = rows; row < rows + COUNT(rows); row++) {
		if (!is_option(row))
			continue;
		*names++ = (struct option){ row->name, argument_of(row), NULL,
			flag_of(row) };
		if (row->letter)
			letters += sprintf(letters, "%c%s", row->letter,
			    row->argument ? ":" : "");
	}
	*names = (struct option){ 0 };
}

static void
take_option(int flag, struct options *options)
{
	const struct row *row = rows;
	char *field;

	while (row < rows + COUNT(rows) && flag_of(row) != flag)
		row++;
	/* getopt_long(3) has said what the problem is. */
	if (row == rows + COUNT(rows))
		leave_with_usage(NULL, NULL);
	if (flag == 'V')
		leave_with_version();
	field = (char *)options + row->field;
	if (row->argument)
		*(const char **)field = optarg ? optarg : "";
	else
		*(bool *)field = true;
}

static void
parse_options(int argc, char **argv, struct options *options)
{
	struct option names[COUNT(rows) + 1];
	char letters[2 * COUNT(rows) + 1];
	int flag;

	list_options(names, letters);
	while ((flag = getopt_long(argc, argv, letters, names, NULL)) != -1)
		take_option(flag, options);
}

static bool
is_given(const struct row *row, const struct options *options)
{
	const char *field = (const char *)options + row->field;

	if (!row->field)
		return false;
	return row->argument ? *(char *const *)field != NULL
			     : *(const bool *)field;
}

static void
refuse_foreign_options(const struct options *options, const char *command)
{
	for (const struct row *row = rows; row < rows + COUNT(rows); row++) {
		char problem[64];

		if (!is_given(row, options) ||
		    row->commands & FOR(options->command))
			continue;
		snprintf(problem, sizeof(problem), "--%s is no option of ",
		    row->name);
		leave_with_usage(problem, command);
	}
}

/* The first word is a command, or already the half that is to run. */
static void
parse_command(const char *word, struct options *options)
{
	if (word && !strcmp(word, "rules"))
		options->command = OPTIONS_RULES;
	else if (word && !strcmp(word, "doctor"))
		options->command = OPTIONS_DOCTOR;
	else if (word && !strcmp(word, "status"))
		options->command = OPTIONS_STATUS;
	if (options->help)
		leave_with_help(options->command);
	if (options->command != OPTIONS_RUN)
		optind++;
	refuse_foreign_options(
	    options, options->command == OPTIONS_RUN ? "the daemon" : word);
}

/* The word after "--connections" is a user, unless it is a half. */
static void
parse_user(char **argv, struct status_request *status)
{
	const char *word = argv[optind];

	status->connections = status->user != NULL;
	if (!status->connections || *status->user)
		return;
	status->user = NULL;
	if (word && strcmp(word, "client") != 0 && strcmp(word, "server") != 0)
		status->user = argv[optind++];
}

static void
check_status(const struct status_request *status, bool is_json)
{
	if (status->metrics + status->watch + (is_json || status->connections) >
	    1)
		leave_with_usage("--metrics and --watch go with no other "
				 "option",
		    "");
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
	if (options->rules.count && options->kind != CONFIG_SERVER)
		leave_with_usage("--count is for the server half: only on the "
				 "exit are all packets with a user's address "
				 "srcproxy's",
		    "");
	if (options->rules.count && options->rules.iptables)
		leave_with_usage("--count needs nft, whose counters keep their "
				 "values when rules change: no --iptables",
		    "");
	if (options->rules.simple && options->rules.iptables)
		leave_with_usage("--simple needs no firewall, so no "
				 "--iptables",
		    "");
}

void
options_parse(int argc, char **argv, struct options *options)
{
	*options = (struct options){ 0 };
	parse_options(argc, argv, options);
	parse_command(argv[optind], options);
	parse_user(argv, &options->status);
	check_status(&options->status, options->json);
	options->status.json = options->json;
	options->kind = parse_half(argv[optind++]);
	if (!argv[optind])
		leave_with_usage("name a configuration file", "");
	options->path = argv[optind++];
	options->prefixes = argv + optind;
	options->rules.prefixes = options->prefixes;
	if (options->command == OPTIONS_RULES)
		check_rules(options);
	else if (options->command != OPTIONS_DOCTOR && argv[optind])
		leave_with_usage(
		    "name one configuration file, not also ", argv[optind]);
}
