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

struct firewall {
	FILE *out;
	const char *name;  /* of the table or chain; up to 28 characters */
	const char *table; /* of iptables, that the chain is in */
	const struct prefix_list *prefixes; /* the users */
};

/* IPv4, then IPv6, then 0. */
extern const int firewall_families[];

/* What precedes addresses in rules of nft: "ip" or "ip6". */
const char *firewall_protocol(int family);

/*
 * Commands that fail where the host lacks the family are printed between these
 * two. The script decides when it runs, as it may be printed on another host
 * or before IPv6 is switched off: without IPv6, or with needs_iptables without
 * ip6tables(8), it warns and goes on; it fails if all users have IPv6
 * addresses, as then it has done nothing.
 */
void firewall_begin_family(
    const struct firewall *firewall, int family, bool needs_iptables);
void firewall_end_family(const struct firewall *firewall, int family);

/* The rules of all chains are printed between these two. */
void firewall_begin_table(const struct firewall *firewall);
void firewall_end_table(const struct firewall *firewall);
/* Matches of nft: "ip saddr { 192.0.2.0/24 }", for field "saddr". */
void firewall_print_users(
    const struct firewall *firewall, int family, const char *field);
void firewall_remove_table(const struct firewall *firewall);

/* The rules of one family's chain, each with firewall->name, go between. */
void firewall_begin_chain(const struct firewall *firewall, int family);
void firewall_end_chain(const struct firewall *firewall);
/* It goes through it from there: a built-in chain, and further matches. */
void firewall_hook_chain(const struct firewall *firewall, int family,
    const char *from, const char *protocol);
void firewall_unhook_chain(const struct firewall *firewall, int family,
    const char *from, const char *protocol);
/* With what still leads to it, and also where nft(8) has made it its own. */
void firewall_remove_chain(const struct firewall *firewall, int family);

#endif
