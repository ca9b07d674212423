#ifndef EXAMINATION_H
#define EXAMINATION_H

/* What a host is examined for, and by whom the findings are taken. */

#include "config.h"
#include "finding.h"
#include "prefix_list.h"

struct examination {
	const struct config *config;
	const struct prefix_list *prefixes; /* the users' */
	const char *rules;        /* the command that sets up this half */
	const char *simple_rules; /* CONFIG_SERVER: its other way */
	struct findings *findings;
	int packet_fd;          /* of packets_open(), or -1 */
	bool is_own_redirected; /* what it sends to the server comes back */
};

#endif
