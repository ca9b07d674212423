#ifndef OPTIONS_H
#define OPTIONS_H

/*
 * The command line: srcproxy(8). What it says is data for main(); the texts
 * for --help, --version and mistakes are printed here.
 */

#include <stdbool.h>

#include "config/config.h"
#include "rules/rules.h"

#define EXIT_USAGE 2

enum options_command {
	OPTIONS_RUN,
	OPTIONS_RULES,
	OPTIONS_DOCTOR,
};

struct options {
	enum options_command command;
	bool check;          /* OPTIONS_RUN, -t: only check the configuration */
	const char *pidfile; /* OPTIONS_RUN, -p: NULL: none */
	bool syslog; /* OPTIONS_RUN, -s: log there, not to standard error */
	const char *user; /* -u: whom to become; NULL: nobody else */
	enum config_kind kind;
	const char *path;           /* of the configuration; in argv */
	struct rules_request rules; /* OPTIONS_RULES */
	char *const *prefixes;      /* but OPTIONS_RUN: in argv, then NULL */
};

/*
 * Exits with 0 after --help and --version, and with EXIT_USAGE after saying
 * what is wrong with the command line.
 */
void options_parse(int argc, char **argv, struct options *options);

#endif
