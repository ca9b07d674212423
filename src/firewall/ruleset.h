#ifndef FIREWALL_RULESET_H
#define FIREWALL_RULESET_H

/*
 * The firewall of this host as its own tools print it: nft(8), iptables(8).
 * Only for people's eyes is that format fixed, so what is read out of it is no
 * more than what a person would look for.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The rules for that family, or NULL: no tool is there, or it is not
 * permitted to look (CAP_NET_ADMIN). The caller frees it.
 */
char *ruleset_read(int family);

/* A line that begins with this says whose output follows. */
#define RULESET_TOOL "# by "

/*
 * Whether any rule gives packets a mark that is that one under the mask, or
 * puts back one that was kept, which may be any.
 */
bool ruleset_marks(const char *rules, uint32_t mark, uint32_t mask);

/* As a whole: "0x5" is not in "0x50", nor 9001 in 90010. */
bool ruleset_has_word(const char *text, size_t len, const char *word);

#endif
