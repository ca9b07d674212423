#ifndef FIREWALL_REDIRECT_H
#define FIREWALL_REDIRECT_H

/*
 * Which users the firewall redirects to a port, as far as a person would tell
 * from its rules (ruleset.h): what cannot be told is taken to be well.
 */

#include "net/prefix.h"

enum redirection {
	REDIRECTION_NONE,      /* no rule redirects to that port */
	REDIRECTION_OTHERS,    /* but not what comes from that prefix */
	REDIRECTION_UNUSED,    /* that one does, but nothing comes so far */
	REDIRECTION_UNTRACKED, /* all, were they tracked (notrack) */
	REDIRECTION_ALL,
};

/* interface: the name of that by which they come in; NULL: not known. */
enum redirection redirect_find(const char *rules, uint16_t port,
    const struct prefix *users, const char *interface);

#endif
