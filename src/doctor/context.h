#ifndef DOCTOR_CONTEXT_H
#define DOCTOR_CONTEXT_H

/* What a host is examined for, and by whom the findings are taken. */

#include <sys/socket.h>

#include "config/config.h"
#include "doctor/finding.h"
#include "net/prefix_list.h"

struct doctor_context {
	const struct config *config;
	const struct prefix_list *prefixes; /* the users' */
	const char *rules;        /* the command that sets up this half */
	const char *simple_rules; /* CONFIG_SERVER: its other way */
	struct findings *findings;
	/*
	 * Of each family, as ruleset_read() returned them to root; NULL: they
	 * could not be looked at. See examination_firewall().
	 */
	char *firewall[2];
	int packet_fd;          /* of packets_open(), or -1 */
	bool is_own_redirected; /* what root sent to the server came back */
};

static inline const char *
doctor_context_firewall(const struct doctor_context *context, int family)
{
	return context->firewall[family == AF_INET6];
}

#endif
