#ifndef RULESET_H
#define RULESET_H

/*
 * The firewall of this host as its own tools print it: nft(8), iptables(8).
 * Only for people's eyes is that format fixed, so what is read out of it is no
 * more than what a person would look for.
 */

#include "prefix.h"

/*
 * The rules for that family, or NULL: no tool is there, or it is not
 * permitted to look (CAP_NET_ADMIN). The caller frees it.
 */
char *ruleset_read(int family);

/* Whether any rule gives packets that mark. */
bool ruleset_marks(const char *rules, uint32_t mark);

enum ruleset_redirection {
	RULESET_NONE,   /* no rule redirects to that port */
	RULESET_OTHERS, /* but not what comes from that prefix */
	RULESET_ALL,
};

enum ruleset_redirection ruleset_redirects(
    const char *rules, uint16_t port, const struct prefix *users);

#endif
