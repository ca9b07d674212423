#include "rules/server_rules.h"

#define QUOTE(text) #text
#define TEXT_OF(value) QUOTE(value)
#define MARK TEXT_OF(EXIT_RULES_MARK)
#define PREFERENCE 30000
#define TCP "6" /* ip(8) knows no name without /etc/protocols */

/* Of the routing table, or a metric: each instance has its own. */
static unsigned
routes_number(const struct exit_rules *rules)
{
	return 100000U + rules->port;
}

static unsigned
ip_version(int family)
{
	return family == AF_INET ? 4 : 6;
}

/*
 * Replies to a user belong to a socket that is bound to the user's address.
 * IPv6 does not need IP_TRANSPARENT for that, and an exit with only IPv6 users
 * drops the capability for it, so the IPv6 match takes sockets of both kinds.
 * Sockets in TIME_WAIT, as after a lost last ACK, have no "socket wildcard" to
 * nft: neither 0 nor 1 matches. "transparent <= 1" matches all sockets;
 * listeners on all addresses are excluded by a rule in front.
 */
static const char *
nft_match(int family)
{
	return family == AF_INET ? "socket transparent 1"
				 : "socket transparent <= 1";
}

static const char *
iptables_match(int family)
{
	/* Without --nowildcard it excludes listeners on all addresses. */
	return family == AF_INET ? "-m socket --transparent" : "-m socket";
}

/*
 * Its errors are for the sockets whose packets they quote, and both matches look
 * into them: without them an unreachable destination is one that is silent, and
 * what is too large for a path is lost for ever. By these names nft(8) knows
 * them on a host without /etc/protocols too.
 */
static const char *
icmp(int family)
{
	return family == AF_INET ? "icmp" : "icmpv6";
}

static void
print_wildcard_exception(const struct firewall *firewall)
{
	fputs("\t\t", firewall->out);
	firewall_print_users(firewall, AF_INET6, "daddr");
	fputs(" socket wildcard 1 return\n", firewall->out);
}

static void
print_table(const struct firewall *firewall)
{
	firewall_begin_table(firewall);
	fputs("\tchain prerouting {\n"
	      "\t\ttype filter hook prerouting priority mangle;\n",
	    firewall->out);
	for (const int *family = firewall_families; *family; family++) {
		if (!prefix_list_has_family(firewall->prefixes, *family))
			continue;
		if (*family == AF_INET6)
			print_wildcard_exception(firewall);
		fputs("\t\t", firewall->out);
		firewall_print_users(firewall, *family, "daddr");
		fprintf(firewall->out,
		    " meta l4proto { tcp, %s } %s meta mark set " MARK "\n",
		    icmp(*family), nft_match(*family));
	}
	fputs("\t}\n", firewall->out);
	firewall_end_table(firewall);
}

/* Only what is sent into it is looked at: see the hooks. */
static void
print_chain(const struct firewall *firewall, int family)
{
	const struct prefix_list *list = firewall->prefixes;
	char text[PREFIX_STRLEN];

	firewall_begin_chain(firewall, family);
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].base.any.sa_family == family)
			fprintf(firewall->out,
			    "-A %s -d %s %s -j MARK --set-mark " MARK "\n",
			    firewall->name,
			    prefix_format(&list->items[i], text),
			    iptables_match(family));
	}
	firewall_end_chain(firewall);
	firewall_hook_chain(firewall, family, "PREROUTING", "tcp");
	firewall_hook_chain(firewall, family, "PREROUTING", icmp(family));
}

/* where: "table" or "table local metric", for the number to follow. */
static void
print_routes(const struct exit_rules *rules, int family, const char *where)
{
	const struct prefix_list *list = rules->firewall.prefixes;
	char text[PREFIX_STRLEN];

	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].base.any.sa_family == family)
			fprintf(rules->firewall.out,
			    "ip -%u route replace local %s dev lo %s %u\n",
			    ip_version(family),
			    prefix_format(&list->items[i], text), where,
			    routes_number(rules));
	}
}

/* Adding a rule again is an error to some kernels, and doubles it in others. */
static void
print_lookup(const struct exit_rules *rules, int family, const char *selector)
{
	unsigned version = ip_version(family);
	unsigned table = routes_number(rules);

	fprintf(rules->firewall.out,
	    "[ \"$(ip -%u rule list %s table %u pref %d)\" ] ||\n"
	    "\tip -%u rule add %s table %u pref %d\n",
	    version, selector, table, PREFERENCE, version, selector, table,
	    PREFERENCE);
}

static void
print_delivery(const struct exit_rules *rules, int family)
{
	fputs("\n# What has the mark ends here, though the addresses are not "
	      "this host's.\n",
	    rules->firewall.out);
	print_routes(rules, family, "table");
	print_lookup(rules, family, "fwmark " MARK);
}

static void
print_simple_delivery(const struct exit_rules *rules, int family)
{
	FILE *out = rules->firewall.out;

	if (family == AF_INET) {
		fputs("\n# All that is for the users ends here, UDP and ICMP "
		      "too: without IP_TRANSPARENT\n"
		      "# the kernel connects from an IPv4 address only if it "
		      "is in the table local.\n",
		    out);
		print_routes(rules, family, "table local metric");
	} else {
		fputs("\n# All TCP for the users ends here: nobody can connect "
		      "to them any more.\n",
		    out);
		print_routes(rules, family, "table");
		print_lookup(rules, family, "ipproto " TCP);
	}
}

static void
print_family(const struct exit_rules *rules, int family)
{
	bool has_chain = rules->iptables && !rules->simple;

	firewall_begin_family(&rules->firewall, family, has_chain);
	if (has_chain)
		print_chain(&rules->firewall, family);
	if (rules->simple)
		print_simple_delivery(rules, family);
	else
		print_delivery(rules, family);
	firewall_end_family(&rules->firewall, family);
}

void
exit_rules_print(const struct exit_rules *rules)
{
	const struct firewall *firewall = &rules->firewall;

	if (!rules->simple)
		fputs("\n# What comes back for the server half's own "
		      "connections gets a mark. What is\n"
		      "# for the users' hosts themselves gets none, and goes "
		      "its way as before.\n",
		    firewall->out);
	if (!rules->simple && !rules->iptables)
		print_table(firewall);
	for (const int *family = firewall_families; *family; family++) {
		if (prefix_list_has_family(firewall->prefixes, *family))
			print_family(rules, *family);
	}
}

/* Whatever the prefixes were when it was added. */
static void
print_lookup_removal(const struct exit_rules *rules, int family)
{
	unsigned version = ip_version(family);
	unsigned table = routes_number(rules);

	/* There is nothing to flush in a table that never had a route. */
	fprintf(rules->firewall.out,
	    "while [ \"$(ip -%u rule list table %u 2>/dev/null)\" ]; do\n"
	    "\tip -%u rule del table %u\n"
	    "done\n"
	    "ip -%u route flush table %u 2>/dev/null || :\n",
	    version, table, version, table, version, table);
}

static void
print_marking_removal(const struct exit_rules *rules)
{
	const struct firewall *firewall = &rules->firewall;

	fputs("\n# Then nothing is marked any more.\n", firewall->out);
	if (!rules->iptables) {
		firewall_remove_table(firewall);
		return;
	}
	for (const int *family = firewall_families; *family; family++) {
		firewall_unhook_chain(firewall, *family, "PREROUTING", "tcp");
		firewall_unhook_chain(
		    firewall, *family, "PREROUTING", icmp(*family));
		firewall_remove_chain(firewall, *family);
	}
}

void
exit_rules_print_removal(const struct exit_rules *rules)
{
	fputs("\n# Nothing that is for the users ends here any more.\n",
	    rules->firewall.out);
	for (const int *family = firewall_families; *family; family++)
		print_lookup_removal(rules, *family);
	if (rules->simple)
		fprintf(rules->firewall.out,
		    "ip -4 route flush table local metric %u\n",
		    routes_number(rules));
	else
		print_marking_removal(rules);
}
