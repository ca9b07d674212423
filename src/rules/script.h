#ifndef RULES_SCRIPT_H
#define RULES_SCRIPT_H

/*
 * The parts of a rules script that both halves share. Each instance has an
 * nft(8) table, or an iptables(8) chain for each family, of its own. The
 * printed commands for sh(1) may run any number of times with the same result.
 * They replace the rules in one step, since connections go on meanwhile.
 */

#include <stdbool.h>
#include <stdio.h>

#include "net/prefix_list.h"

struct script {
	FILE *out;
	const char *name;  /* of the table or chain; up to 28 characters */
	const char *table; /* the iptables table of the chain */
	const struct prefix_list *prefixes; /* the users */
};

/* IPv4, then IPv6, then 0. */
extern const int script_families[];

/* The keyword in front of addresses in nft rules: "ip" or "ip6". */
const char *script_protocol(int family);

/*
 * The protocol "icmp" or "icmpv6", which nft(8) knows even on a host without
 * /etc/protocols. Its errors belong to the sockets whose packets they quote, and
 * the socket matches of nft(8) and iptables(8) look into the quote. Without
 * these errors an unreachable host would seem silent, and packets too large for
 * a path would be lost for ever.
 */
const char *script_icmp(int family);

/*
 * Print commands that fail if the host lacks the family between these two. The
 * printed script checks this when it runs, because it may run on another host,
 * or after IPv6 was switched off. Without IPv6, or without ip6tables(8) if
 * needs_iptables is set, it warns and goes on. It fails if all users have IPv6
 * addresses, since it has done nothing then.
 */
void script_begin_family(
    const struct script *script, int family, bool needs_iptables);
void script_end_family(const struct script *script, int family);

/* Print the rules of all chains between these two. */
void script_begin_table(const struct script *script);
void script_end_table(const struct script *script);
/*
 * Matches of nft: "ip saddr { 192.0.2.0/24 }", for field "saddr". bits: the
 * length of the prefixes; SCRIPT_ANY_LENGTH: all of them.
 */
#define SCRIPT_ANY_LENGTH 129
void script_print_prefixes(const struct script *script,
    const struct prefix_list *list, int family, const char *field);
void script_print_prefixes_of_length(const struct script *script,
    const struct prefix_list *list, int family, const char *field,
    unsigned bits);
void script_remove_table(const struct script *script);

/*
 * Print the rules of one family's chain, each with script->name, between these
 * two.
 */
void script_begin_chain(const struct script *script, int family);
void script_end_chain(const struct script *script);
/*
 * Adds (or removes) a jump to the chain from a built-in chain, which may be
 * followed by further matches.
 */
void script_hook_chain(const struct script *script, int family,
    const char *from, const char *protocol);
/*
 * Makes that jump the last rule of the built-in chain, in one step. It must be
 * there.
 */
void script_hook_chain_last(const struct script *script, int family,
    const char *from, const char *protocol);
/*
 * Adds such jumps for the users of that family. Of all jumps to srcproxy-client
 * chains, also those of other instances, longer prefixes come first. matches:
 * further ones.
 */
void script_hook_users(const struct script *script, int family,
    const char *from, const char *matches);
/* Removes a jump that script_hook_chain() added. */
void script_unhook_chain(const struct script *script, int family,
    const char *from, const char *protocol);
/*
 * Removes the chain and all jumps to it, also after nft(8) has reloaded them as
 * native rules.
 */
void script_remove_chain(const struct script *script, int family);

#endif
