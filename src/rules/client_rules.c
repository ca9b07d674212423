#include "rules/client_rules.h"

#include <inttypes.h>

/*
 * A server half on the same host sends from addresses of users, too, which are
 * not the host's own.
 */
#define OUTPUT_CHAIN "OUTPUT -m addrtype --src-type LOCAL"
#define OUTPUT_MATCH "fib saddr type local "

const union address *
gate_rules_listener(const struct gate_rules *rules, int family)
{
	for (size_t i = 0; i < rules->listener_count; i++) {
		const union address *listener = &rules->listeners[i];

		if (listener->any.sa_family == family ||
		    (listener->any.sa_family == AF_INET6 &&
			address_is_unspecified(listener)))
			return listener;
	}
	return NULL;
}

/*
 * REDIRECT takes the first address of the interface that the packet came in by,
 * where a listener on one address may not be.
 */
static void
print_table_target(const struct gate_rules *rules, int family)
{
	const union address *listener = gate_rules_listener(rules, family);
	char text[ADDRESS_STRLEN];

	if (address_is_unspecified(listener))
		fprintf(rules->firewall.out, "redirect to :%u\n",
		    address_port(listener));
	else
		fprintf(rules->firewall.out, "dnat %s to %s\n",
		    firewall_protocol(family), address_format(listener, text));
}

static void
print_chain_target(const struct gate_rules *rules, int family)
{
	const union address *listener = gate_rules_listener(rules, family);
	char text[ADDRESS_STRLEN];

	if (address_is_unspecified(listener))
		fprintf(rules->firewall.out, "REDIRECT --to-ports %u\n",
		    address_port(listener));
	else
		fprintf(rules->firewall.out, "DNAT --to-destination %s\n",
		    address_format(listener, text));
}

static void
print_table_exceptions(const struct gate_rules *rules)
{
	FILE *out = rules->firewall.out;
	char text[ADDRESS_STRLEN];

	for (size_t i = 0; i < rules->server_count; i++)
		fprintf(out, "\t\t%s daddr %s tcp dport %u return\n",
		    firewall_protocol(rules->servers[i].any.sa_family),
		    address_format_host(&rules->servers[i], text),
		    address_port(&rules->servers[i]));
	if (rules->mark)
		fprintf(
		    out, "\t\tmeta mark 0x%" PRIx32 " return\n", rules->mark);
}

static void
print_table_users(const struct gate_rules *rules)
{
	const struct firewall *firewall = &rules->firewall;

	for (const int *family = firewall_families; *family; family++) {
		if (!prefix_list_has_family(firewall->prefixes, *family))
			continue;
		fputs("\t\t", firewall->out);
		firewall_print_users(firewall, *family, "daddr");
		fputs(" return\n\t\t", firewall->out);
		firewall_print_users(firewall, *family, "saddr");
		fputs(" meta l4proto tcp ", firewall->out);
		print_table_target(rules, *family);
	}
}

/* The priority is dstnat, which nft knows by this name in prerouting only. */
static void
print_table_hook(
    const struct gate_rules *rules, const char *hook, const char *match)
{
	fprintf(rules->firewall.out,
	    "\tchain %s {\n"
	    "\t\ttype nat hook %s priority -100;\n"
	    "\t\tmeta l4proto tcp %sjump users\n"
	    "\t}\n",
	    hook, hook, match);
}

static void
print_table(const struct gate_rules *rules)
{
	firewall_begin_table(&rules->firewall);
	fputs("\tchain users {\n"
	      "\t\tfib daddr type local return\n",
	    rules->firewall.out);
	print_table_exceptions(rules);
	print_table_users(rules);
	fputs("\t}\n", rules->firewall.out);
	if (rules->forward)
		print_table_hook(rules, "prerouting", "");
	if (rules->output)
		print_table_hook(rules, "output", OUTPUT_MATCH);
	firewall_end_table(&rules->firewall);
}

static void
print_chain_exceptions(const struct gate_rules *rules, int family)
{
	const struct firewall *firewall = &rules->firewall;
	char text[ADDRESS_STRLEN];

	for (size_t i = 0; i < rules->server_count; i++) {
		if (rules->servers[i].any.sa_family == family)
			fprintf(firewall->out,
			    "-A %s -d %s -p tcp --dport %u -j RETURN\n",
			    firewall->name,
			    address_format_host(&rules->servers[i], text),
			    address_port(&rules->servers[i]));
	}
	if (rules->mark)
		fprintf(firewall->out,
		    "-A %s -m mark --mark 0x%" PRIx32 " -j RETURN\n",
		    firewall->name, rules->mark);
}

static void
print_chain_users(const struct gate_rules *rules, int family)
{
	const struct firewall *firewall = &rules->firewall;
	const struct prefix_list *list = firewall->prefixes;
	char text[PREFIX_STRLEN];

	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].base.any.sa_family == family)
			fprintf(firewall->out, "-A %s -d %s -j RETURN\n",
			    firewall->name,
			    prefix_format(&list->items[i], text));
	}
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].base.any.sa_family != family)
			continue;
		fprintf(firewall->out, "-A %s -s %s -p tcp -j ", firewall->name,
		    prefix_format(&list->items[i], text));
		print_chain_target(rules, family);
	}
}

static void
print_chain(const struct gate_rules *rules, int family)
{
	const struct firewall *firewall = &rules->firewall;

	firewall_begin_chain(firewall, family);
	fprintf(firewall->out, "-A %s -m addrtype --dst-type LOCAL -j RETURN\n",
	    firewall->name);
	print_chain_exceptions(rules, family);
	print_chain_users(rules, family);
	firewall_end_chain(firewall);
	if (rules->forward)
		firewall_hook_chain(firewall, family, "PREROUTING", "tcp");
	if (rules->output)
		firewall_hook_chain(firewall, family, OUTPUT_CHAIN, "tcp");
}

void
gate_rules_print(const struct gate_rules *rules)
{
	const struct firewall *firewall = &rules->firewall;

	fputs("\n# The users' connections come to the client half. Left alone "
	      "are those to this\n"
	      "# host (ssh), among the users, and to the server half itself.\n"
	      "# If this host filters its input, accept the redirected port "
	      "there.\n",
	    firewall->out);
	if (!rules->iptables) {
		print_table(rules);
		return;
	}
	for (const int *family = firewall_families; *family; family++) {
		if (!prefix_list_has_family(firewall->prefixes, *family))
			continue;
		firewall_begin_family(firewall, *family, true);
		print_chain(rules, *family);
		firewall_end_family(firewall, *family);
	}
}

void
gate_rules_print_removal(const struct gate_rules *rules)
{
	const struct firewall *firewall = &rules->firewall;

	fputs("\n# New connections of the users go their way as before.\n",
	    firewall->out);
	if (!rules->iptables) {
		firewall_remove_table(firewall);
		return;
	}
	for (const int *family = firewall_families; *family; family++) {
		firewall_unhook_chain(firewall, *family, "PREROUTING", "tcp");
		firewall_unhook_chain(firewall, *family, OUTPUT_CHAIN, "tcp");
		firewall_remove_chain(firewall, *family);
	}
}
