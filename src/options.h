#ifndef OPTIONS_H
#define OPTIONS_H

/*
 * The command line: srcproxy(8). What it says is data for main(); the texts
 * for --help, --version and mistakes are printed here.
 */

#include <stdbool.h>

#include "config.h"

struct options {
	bool check;       /* -t: only check the configuration */
	bool syslog;      /* -s: log there, not to standard error */
	const char *user; /* -u: whom to become; NULL: nobody else */
	enum config_kind kind;
	const char *path; /* of the configuration; in argv */
};

/*
 * Exits with 0 after --help and --version, and with 2 after saying what is
 * wrong with the command line.
 */
void options_parse(int argc, char **argv, struct options *options);

#endif
