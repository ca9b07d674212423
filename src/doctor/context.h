#ifndef DOCTOR_CONTEXT_H
#define DOCTOR_CONTEXT_H

/* What a host is examined for, and by whom the findings are taken. */

#include <sys/socket.h>

#include "config/config.h"
#include "doctor/finding.h"
#include "firewall/ruleset.h"
#include "net/prefix_list.h"

struct doctor_context {
	const struct config *config;
	const struct prefix_list *prefixes; /* the users' */
	const char *rules;        /* the command that sets up this half */
	const char *simple_rules; /* CONFIG_SERVER: its other way */
	struct findings *findings;
	bool has_nft; /* which the commands are for; otherwise iptables */
	/* As root read it; NULL: it is not looked at. See ruleset_create(). */
	struct ruleset *ruleset;
	int packet_fd;          /* of capture_open(), or -1 */
	bool is_own_redirected; /* what root sent to the server came back */
};

/* Whether anything can be told of the firewall. */
static inline bool
doctor_context_sees_firewall(const struct doctor_context *context)
{
	return context->ruleset && !context->ruleset->blind;
}

#endif
