#ifndef RULES_SCRIPT_H
#define RULES_SCRIPT_H

/*
 * What the firewall rules of both halves have in common: a table of nft(8), or
 * a chain of iptables(8) for each family, that is this instance's own. Prints
 * commands for sh(1) which give the same result however often they run, and
 * replace the rules in one step, as connections go on meanwhile.
 */

#include <stdbool.h>
#include <stdio.h>

#include "net/prefix_list.h"

struct script {
	FILE *out;
	const char *name;  /* of the table or chain; up to 28 characters */
	const char *table; /* of iptables, that the chain is in */
	const struct prefix_list *prefixes; /* the users */
};

/* IPv4, then IPv6, then 0. */
extern const int script_families[];

/* What precedes addresses in rules of nft: "ip" or "ip6". */
const char *script_protocol(int family);

/*
 * Commands that fail where the host lacks the family are printed between these
 * two. The script decides when it runs, as it may be printed on another host
 * or before IPv6 is switched off: without IPv6, or with needs_iptables without
 * ip6tables(8), it warns and goes on; it fails if all users have IPv6
 * addresses, as then it has done nothing.
 */
void script_begin_family(
    const struct script *script, int family, bool needs_iptables);
void script_end_family(const struct script *script, int family);

/* The rules of all chains are printed between these two. */
void script_begin_table(const struct script *script);
void script_end_table(const struct script *script);
/* Matches of nft: "ip saddr { 192.0.2.0/24 }", for field "saddr". */
void script_print_users(
    const struct script *script, int family, const char *field);
void script_remove_table(const struct script *script);

/* The rules of one family's chain, each with firewall->name, go between. */
void script_begin_chain(const struct script *script, int family);
void script_end_chain(const struct script *script);
/* It goes through it from there: a built-in chain, and further matches. */
void script_hook_chain(const struct script *script, int family,
    const char *from, const char *protocol);
void script_unhook_chain(const struct script *script, int family,
    const char *from, const char *protocol);
/* With what still leads to it, and also where nft(8) has made it its own. */
void script_remove_chain(const struct script *script, int family);

#endif
