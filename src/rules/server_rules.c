#include "rules/server_rules.h"

#include <inttypes.h>

#include "rules/delivery.h"

#define TCP "6" /* without /etc/protocols ip(8) knows no names */

/* A routing table, or a metric: each instance has its own. */
static unsigned
routes_number(const struct server_rules *rules)
{
	return 100000U + rules->port;
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
	/* Without --nowildcard the match excludes wildcard listeners. */
	return family == AF_INET ? "-m socket --transparent" : "-m socket";
}

static void
print_wildcard_exception(const struct script *script)
{
	fputs("\t\t", script->out);
	script_print_prefixes(script, script->prefixes, AF_INET6, "daddr");
	fputs(" socket wildcard 1 return\n", script->out);
}

/*
 * The chain comes behind mangle, where rules of others restore marks of
 * connections and so would take ours away, and behind dstnat, which gives
 * replies to masqueraded users their addresses back.
 */
static void
print_table(const struct server_rules *rules)
{
	const struct script *script = &rules->script;
	const struct mark *mark = rules->mark;

	script_begin_table(script);
	fputs("\tchain prerouting {\n"
	      "\t\ttype filter hook prerouting priority dstnat + 10;\n",
	    script->out);
	for (const int *family = script_families; *family; family++) {
		if (!prefix_list_has_family(script->prefixes, *family))
			continue;
		if (*family == AF_INET6)
			print_wildcard_exception(script);
		fputs("\t\t", script->out);
		script_print_prefixes(
		    script, script->prefixes, *family, "daddr");
		fprintf(script->out,
		    " meta l4proto { tcp, %s } %s meta mark set meta mark "
		    "& 0x%08" PRIx32 " | 0x%" PRIx32 "\n",
		    script_icmp(*family), nft_match(*family), ~mark->mask,
		    mark->value);
	}
	fputs("\t}\n", script->out);
	script_end_table(script);
}

/*
 * The table mangle comes before the firewall gives replies to masqueraded users
 * their addresses back; until then conntrack has them.
 */
static void
print_chain_rules(const struct server_rules *rules, const struct prefix *prefix)
{
	int family = prefix->base.any.sa_family;
	char text[PREFIX_STRLEN], mark[MARK_STRLEN];

	prefix_format(prefix, text);
	mark_format(rules->mark, mark);
	for (int masqueraded = 0; masqueraded <= (int)prefix_is_private(prefix);
	     masqueraded++)
		fprintf(rules->script.out,
		    "-A %s %s %s %s -j MARK --set-xmark %s\n",
		    rules->script.name,
		    masqueraded ? "-m conntrack --ctorigsrc" : "-d", text,
		    iptables_match(family), mark);
}

/*
 * The chain sees only the packets that the hooks send into it. iptables(8) has
 * no table behind mangle for reply packets, so the hooks come last in it.
 */
static void
print_chain(const struct server_rules *rules, int family)
{
	const struct script *script = &rules->script;
	const struct prefix *users = NULL;

	script_begin_chain(script, family);
	while ((users = prefix_list_next(script->prefixes, family, users)))
		print_chain_rules(rules, users);
	script_end_chain(script);
	for (size_t i = 0; i < 2; i++) {
		const char *protocol = i ? script_icmp(family) : "tcp";

		script_hook_chain(script, family, "PREROUTING", protocol);
		script_hook_chain_last(script, family, "PREROUTING", protocol);
	}
}

static void
print_delivery(const struct server_rules *rules, int family)
{
	const struct script *script = &rules->script;
	unsigned table = routes_number(rules);
	char mark[MARK_STRLEN], selector[sizeof("fwmark ") + MARK_STRLEN];

	snprintf(selector, sizeof(selector), "fwmark %s",
	    mark_format(rules->mark, mark));
	fputs("\n# Marked packets are delivered on this host, although their "
	      "addresses are not its own.\n",
	    script->out);
	delivery_print_routes(script, family, "local", "dev lo table", table);
	delivery_print_lookup(script, family, selector, table);
}

static void
print_simple_delivery(const struct server_rules *rules, int family)
{
	const struct script *script = &rules->script;
	unsigned number = routes_number(rules);

	if (family == AF_INET) {
		fputs("\n# All packets to the users are delivered here, also "
		      "UDP and ICMP: without\n"
		      "# IP_TRANSPARENT the kernel connects only from IPv4 "
		      "addresses in the table local.\n",
		    script->out);
		delivery_print_routes(script, family, "local",
		    "dev lo table local metric", number);
	} else {
		fputs("\n# All TCP to the users is delivered here: nobody can "
		      "connect to them any more.\n",
		    script->out);
		delivery_print_routes(
		    script, family, "local", "dev lo table", number);
		delivery_print_lookup(script, family, "ipproto " TCP, number);
	}
}

static void
print_family(const struct server_rules *rules, int family)
{
	bool has_chain = rules->iptables && !rules->simple;

	script_begin_family(&rules->script, family, has_chain);
	if (has_chain)
		print_chain(rules, family);
	if (rules->simple)
		print_simple_delivery(rules, family);
	else
		print_delivery(rules, family);
	script_end_family(&rules->script, family);
}

void
server_rules_print(const struct server_rules *rules)
{
	const struct script *script = &rules->script;

	if (!rules->simple)
		fputs("\n# Reply packets of the server's own connections get "
		      "a mark. Packets to the\n"
		      "# users' hosts themselves get none, and are forwarded "
		      "as before.\n",
		    script->out);
	if (!rules->simple && !rules->iptables)
		print_table(rules);
	for (const int *family = script_families; *family; family++) {
		if (prefix_list_has_family(script->prefixes, *family))
			print_family(rules, *family);
	}
}

static void
print_marking_removal(const struct server_rules *rules)
{
	const struct script *script = &rules->script;

	fputs("\n# Packets are not marked any more.\n", script->out);
	if (!rules->iptables) {
		script_remove_table(script);
		return;
	}
	for (const int *family = script_families; *family; family++)
		script_remove_chain(script, *family);
}

void
server_rules_print_removal(const struct server_rules *rules)
{
	fputs("\n# Packets to the users are not delivered here any more.\n",
	    rules->script.out);
	for (const int *family = script_families; *family; family++)
		delivery_print_removal(
		    &rules->script, *family, routes_number(rules));
	if (rules->simple)
		fprintf(rules->script.out,
		    "ip -4 route flush table local metric %u\n",
		    routes_number(rules));
	else
		print_marking_removal(rules);
}
