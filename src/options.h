#ifndef OPTIONS_H
#define OPTIONS_H

/*
 * The command line, see srcproxy(8). main() gets it as data; the texts of
 * --help, --version and usage errors are printed here.
 */

#include <stdbool.h>

#include "config/config.h"
#include "rules/rules.h"
#include "status/status.h"

#define EXIT_USAGE 2

enum options_command {
	OPTIONS_RUN,
	OPTIONS_RULES,
	OPTIONS_DOCTOR,
	OPTIONS_STATUS,
};

struct options {
	enum options_command command;
	bool help;    /* asked for; then options_parse() exits */
	bool check;   /* OPTIONS_RUN, -t: only check the configuration */
	bool replace; /* OPTIONS_RUN: take over from the running process */
	const char *pidfile; /* OPTIONS_RUN, -p: NULL: none */
	bool syslog; /* OPTIONS_RUN, -s: log to syslog, not to standard error */
	const char *user; /* -u: the system user to become; NULL: no change */
	bool json;        /* not for OPTIONS_RUN, OPTIONS_RULES: for programs */
	enum config_kind kind;
	const char *path;             /* of the configuration; in argv */
	struct rules_request rules;   /* OPTIONS_RULES */
	struct status_request status; /* OPTIONS_STATUS */
	char *const
	    *prefixes; /* not for OPTIONS_RUN; in argv, NULL at the end */
};

/*
 * Exits with 0 after --help and --version, and with EXIT_USAGE after a usage
 * error, which it prints.
 */
void options_parse(int argc, char **argv, struct options *options);

#endif
