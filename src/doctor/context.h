#ifndef DOCTOR_CONTEXT_H
#define DOCTOR_CONTEXT_H

/* The data that all checks share, and the findings that they add to. */

#include <sys/socket.h>

#include "config/config.h"
#include "doctor/finding.h"
#include "firewall/ruleset.h"
#include "kernel/routing_rules.h"
#include "net/prefix_list.h"

struct doctor_context {
	const struct config *config;
	const struct prefix_list *prefixes; /* the users' */
	const char *rules;        /* the command that sets up this half */
	const char *simple_rules; /* CONFIG_SERVER: with --simple */
	struct findings *findings;
	bool has_nft; /* the commands are for nft; otherwise iptables */
	/* The firewall as root read it; NULL: unread. See ruleset_create(). */
	struct ruleset *ruleset;
	struct routing_rules routing[2]; /* of IPv4, IPv6; empty: unread */
	int packet_fd;                   /* of capture_open(), or -1 */
	int arrivals_fd;        /* has captured from the start, or -1 */
	bool is_own_redirected; /* root's connection to the server came back */
};

/* Whether the firewall's rules are known. */
static inline bool
doctor_context_sees_firewall(const struct doctor_context *context)
{
	return context->ruleset && !context->ruleset->blind;
}

static inline const struct routing_rules *
doctor_context_routing(const struct doctor_context *context, int family)
{
	return &context->routing[family == AF_INET6];
}

#endif
