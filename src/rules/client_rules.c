#include "rules/client_rules.h"

#include <inttypes.h>

#include "rules/delivery.h"

/*
 * A server on the same host sends from users' addresses as well, which are not
 * local.
 */
#define OUTPUT_MATCHES "-m addrtype --src-type LOCAL"
#define OUTPUT_CHAIN "OUTPUT " OUTPUT_MATCHES
#define OUTPUT_MATCH "fib saddr type local "

/* INBOUND_MARK */
#define MARK_VALUE "0x52000000"
#define MARK_MASK "0x7f000000"
#define MARK MARK_VALUE "/" MARK_MASK
#define MARK_EXPRESSION "meta mark & 0x80ffffff | 0x52000000"

/*
 * One routing table serves all instances. With one for each, the "throw" routes
 * of an instance would lead on to the default route of another one. The metric
 * of a "throw" route, the port, says whose it is.
 */
#define TABLE 200000U

const union address *
client_rules_listener(const struct client_rules *rules, int family)
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
 * REDIRECT uses the first address of the incoming interface. A listener on a
 * single address may not be there, so use DNAT for it.
 */
static void
print_table_target(const struct client_rules *rules, int family)
{
	const union address *listener = client_rules_listener(rules, family);
	char text[ADDRESS_STRLEN];

	if (address_is_unspecified(listener))
		fprintf(rules->script.out, "redirect to :%u\n",
		    address_port(listener));
	else
		fprintf(rules->script.out, "dnat %s to %s\n",
		    script_protocol(family), address_format(listener, text));
}

static void
print_chain_target(const struct client_rules *rules, int family)
{
	const union address *listener = client_rules_listener(rules, family);
	char text[ADDRESS_STRLEN];

	if (address_is_unspecified(listener))
		fprintf(rules->script.out, "REDIRECT --to-ports %u\n",
		    address_port(listener));
	else
		fprintf(rules->script.out, "DNAT --to-destination %s\n",
		    address_format(listener, text));
}

/*
 * TPROXY needs each packet of a connection, not only the first. A packet that is
 * no SYN and has no socket here passes: others connected to the user, or the
 * connection is older than the rules.
 */
static void
print_table_established(const struct client_rules *rules)
{
	const struct script *script = &rules->script;

	/* Another instance, with a longer prefix, has taken it. */
	fputs("\t\tmeta mark & " MARK_MASK " == " MARK_VALUE " return\n",
	    script->out);
	for (const int *family = script_families; *family; family++) {
		if (!prefix_list_has_family(script->prefixes, *family))
			continue;
		fputs("\t\t", script->out);
		script_print_prefixes(
		    script, script->prefixes, *family, "saddr");
		fputs(" tcp flags & (syn | ack) != syn socket transparent 1 "
		      "meta mark set " MARK_EXPRESSION " accept\n",
		    script->out);
	}
	fputs("\t\ttcp flags & (syn | ack) != syn return\n", script->out);
}

/* Any router on the way to a user may send them. */
static void
print_table_errors(const struct client_rules *rules)
{
	fprintf(rules->script.out,
	    "\tchain errors {\n"
	    "\t\ttype filter hook prerouting priority -108;\n"
	    "\t\tmeta l4proto { %s, %s } socket transparent 1 "
	    "meta mark set " MARK_EXPRESSION "\n"
	    "\t}\n",
	    script_icmp(AF_INET), script_icmp(AF_INET6));
}

static void
print_chain_established(const struct client_rules *rules, int family)
{
	const struct script *script = &rules->script;
	const struct prefix *users = NULL;
	char text[PREFIX_STRLEN];

	fprintf(script->out,
	    "-A %s -p %s -m socket --transparent -j MARK --set-xmark " MARK
	    "\n",
	    script->name, script_icmp(family));
	while ((users = prefix_list_next(script->prefixes, family, users)))
		fprintf(script->out,
		    "-A %s -s %s -p tcp ! --syn -m socket "
		    "--transparent -j MARK --set-xmark " MARK "\n",
		    script->name, prefix_format(users, text));
	fprintf(script->out, "-A %s -p tcp ! --syn -j RETURN\n", script->name);
}

/*
 * Without a listener the packet goes on to the next rule, which resets it: while
 * the client half is stopped, no user gets past it.
 */
static void
print_table_tproxy(const struct client_rules *rules, int family)
{
	const union address *listener = client_rules_listener(rules, family);
	const struct script *script = &rules->script;
	char text[ADDRESS_STRLEN];

	fprintf(script->out, "tproxy %s to ", script_protocol(family));
	if (address_is_unspecified(listener))
		fprintf(script->out, ":%u", rules->port);
	else
		fputs(address_format(listener, text), script->out);
	fputs(" meta mark set " MARK_EXPRESSION " accept\n\t\t", script->out);
	script_print_prefixes(script, script->prefixes, family, "saddr");
	fputs(" meta l4proto tcp reject with tcp reset\n", script->out);
}

/* Without a listener this drops the packet. */
static void
print_chain_tproxy(const struct client_rules *rules, int family)
{
	const union address *listener = client_rules_listener(rules, family);
	char text[ADDRESS_STRLEN];

	fprintf(rules->script.out, "TPROXY --on-port %u", rules->port);
	if (!address_is_unspecified(listener))
		fprintf(rules->script.out, " --on-ip %s",
		    address_format_host(listener, text));
	fputs(" --tproxy-mark " MARK "\n", rules->script.out);
}

static void
print_table_exceptions(const struct client_rules *rules)
{
	FILE *out = rules->script.out;
	char text[ADDRESS_STRLEN];

	for (size_t i = 0; i < rules->server_count; i++)
		fprintf(out, "\t\t%s daddr %s tcp dport %u return\n",
		    script_protocol(rules->servers[i].any.sa_family),
		    address_format_host(&rules->servers[i], text),
		    address_port(&rules->servers[i]));
	if (rules->mark)
		fprintf(
		    out, "\t\tmeta mark 0x%" PRIx32 " return\n", rules->mark);
}

static void
print_table_bypass(const struct client_rules *rules)
{
	FILE *out = rules->script.out;
	char text[PREFIX_STRLEN];

	for (size_t i = 0; i < rules->bypass->count; i++) {
		const struct target *target = &rules->bypass->items[i];
		int family = target->prefix.base.any.sa_family;

		fputs("\t\t", out);
		if (family != AF_UNSPEC)
			fprintf(out, "%s daddr %s ", script_protocol(family),
			    prefix_format(&target->prefix, text));
		if (target->first_port < target->last_port)
			fprintf(out, "tcp dport %u-%u ", target->first_port,
			    target->last_port);
		else if (target->last_port > 0)
			fprintf(out, "tcp dport %u ", target->last_port);
		fputs("return\n", out);
	}
}

static void
print_table_users(const struct client_rules *rules)
{
	const struct script *script = &rules->script;

	for (const int *family = script_families; *family; family++) {
		if (!prefix_list_has_family(script->prefixes, *family))
			continue;
		if (prefix_list_has_family(rules->exceptions, *family)) {
			fputs("\t\t", script->out);
			script_print_prefixes(
			    script, rules->exceptions, *family, "saddr");
			fputs(" return\n", script->out);
		}
		fputs("\t\t", script->out);
		script_print_prefixes(
		    script, script->prefixes, *family, "daddr");
		fputs(" return\n\t\t", script->out);
		script_print_prefixes(
		    script, script->prefixes, *family, "saddr");
		fputs(" meta l4proto tcp ", script->out);
		(rules->tproxy ? print_table_tproxy : print_table_target)(
		    rules, *family);
	}
}

/*
 * Of two instances whose users overlap, the longer prefix gets the connection,
 * whichever was applied last: chains of lower priorities come first. -100 is
 * dstnat, and the kernel takes no NAT chain at -200 or below. TPROXY comes
 * behind mangle (-150), where rules of others restore the marks of connections.
 */
static int
priority_of(const struct client_rules *rules, int family, unsigned bits)
{
	int shortest = rules->tproxy ? (family == AF_INET ? -108 : -12)
				     : (family == AF_INET ? -100 : -71);

	return shortest - (int)bits;
}

static void
print_table_hook(const struct client_rules *rules, int family, unsigned bits,
    const char *hook, const char *match)
{
	const struct script *script = &rules->script;

	fprintf(script->out,
	    "\tchain %s-%s-%u {\n"
	    "\t\ttype %s hook %s priority %d;\n\t\t",
	    hook, script_protocol(family), bits,
	    rules->tproxy ? "filter" : "nat", hook,
	    priority_of(rules, family, bits));
	script_print_prefixes_of_length(
	    script, script->prefixes, family, "saddr", bits);
	fprintf(script->out, " meta l4proto tcp %sjump users\n\t}\n", match);
}

static bool
has_length(const struct prefix_list *list, int family, unsigned bits)
{
	const struct prefix *prefix = NULL;

	while ((prefix = prefix_list_next(list, family, prefix))) {
		if (prefix->bit_count == bits)
			return true;
	}
	return false;
}

static void
print_table_hooks(
    const struct client_rules *rules, const char *hook, const char *match)
{
	for (const int *family = script_families; *family; family++) {
		for (unsigned bits = 1; bits < SCRIPT_ANY_LENGTH; bits++) {
			if (has_length(rules->script.prefixes, *family, bits))
				print_table_hook(
				    rules, *family, bits, hook, match);
		}
	}
}

static void
print_table(const struct client_rules *rules)
{
	script_begin_table(&rules->script);
	fputs("\tchain users {\n", rules->script.out);
	if (rules->tproxy)
		print_table_established(rules);
	fputs("\t\tfib daddr type local return\n", rules->script.out);
	print_table_exceptions(rules);
	print_table_bypass(rules);
	print_table_users(rules);
	fputs("\t}\n", rules->script.out);
	if (rules->forward)
		print_table_hooks(rules, "prerouting", "");
	if (rules->tproxy)
		print_table_errors(rules);
	if (rules->output)
		print_table_hooks(rules, "output", OUTPUT_MATCH);
	script_end_table(&rules->script);
}

static void
print_chain_exceptions(const struct client_rules *rules, int family)
{
	const struct script *script = &rules->script;
	char text[ADDRESS_STRLEN];

	for (size_t i = 0; i < rules->server_count; i++) {
		if (rules->servers[i].any.sa_family == family)
			fprintf(script->out,
			    "-A %s -d %s -p tcp --dport %u -j RETURN\n",
			    script->name,
			    address_format_host(&rules->servers[i], text),
			    address_port(&rules->servers[i]));
	}
	if (rules->mark)
		fprintf(script->out,
		    "-A %s -m mark --mark 0x%" PRIx32 " -j RETURN\n",
		    script->name, rules->mark);
}

/* A port is of both families where the target has no prefix. */
static void
print_chain_bypass(const struct client_rules *rules, int family)
{
	const struct script *script = &rules->script;
	char text[PREFIX_STRLEN];

	for (size_t i = 0; i < rules->bypass->count; i++) {
		const struct target *target = &rules->bypass->items[i];
		int of = target->prefix.base.any.sa_family;

		if (of != AF_UNSPEC && of != family)
			continue;
		fprintf(script->out, "-A %s", script->name);
		if (of != AF_UNSPEC)
			fprintf(script->out, " -d %s",
			    prefix_format(&target->prefix, text));
		if (target->last_port > 0)
			fprintf(script->out, " -p tcp --dport %u:%u",
			    target->first_port, target->last_port);
		fputs(" -j RETURN\n", script->out);
	}
}

/* Connections from some users ("-s") or to them ("-d") are left alone. */
static void
print_chain_returns(const struct script *script, const struct prefix_list *list,
    int family, const char *option)
{
	const struct prefix *prefix = NULL;
	char text[PREFIX_STRLEN];

	while ((prefix = prefix_list_next(list, family, prefix)))
		fprintf(script->out, "-A %s %s %s -j RETURN\n", script->name,
		    option, prefix_format(prefix, text));
}

static void
print_chain_users(const struct client_rules *rules, int family)
{
	const struct script *script = &rules->script;
	const struct prefix *users = NULL;
	char text[PREFIX_STRLEN];

	print_chain_returns(script, rules->exceptions, family, "-s");
	print_chain_returns(script, script->prefixes, family, "-d");
	while ((users = prefix_list_next(script->prefixes, family, users))) {
		fprintf(script->out, "-A %s -s %s -p tcp -j ", script->name,
		    prefix_format(users, text));
		(rules->tproxy ? print_chain_tproxy : print_chain_target)(
		    rules, family);
	}
}

static void
print_jumps(const struct client_rules *rules, int family)
{
	const struct script *script = &rules->script;

	if (rules->forward)
		script_hook_users(script, family, "PREROUTING", "");
	if (rules->output)
		script_hook_users(script, family, "OUTPUT", OUTPUT_MATCHES);
	if (rules->tproxy) {
		script_hook_chain(
		    script, family, "PREROUTING", script_icmp(family));
		return;
	}
	/* Older versions had one jump for all users. */
	script_unhook_chain(script, family, "PREROUTING", "tcp");
	script_unhook_chain(script, family, OUTPUT_CHAIN, "tcp");
}

static void
print_chain(const struct client_rules *rules, int family)
{
	const struct script *script = &rules->script;

	script_begin_chain(script, family);
	if (rules->tproxy)
		print_chain_established(rules, family);
	fprintf(script->out, "-A %s -m addrtype --dst-type LOCAL -j RETURN\n",
	    script->name);
	print_chain_exceptions(rules, family);
	print_chain_bypass(rules, family);
	print_chain_users(rules, family);
	script_end_chain(script);
	print_jumps(rules, family);
}

/*
 * The validation of sources (rp_filter), where it considers the mark, looks the
 * users up in the same table: "throw" leads on to their real route.
 */
static void
print_delivery(const struct client_rules *rules, int family)
{
	const struct script *script = &rules->script;

	delivery_print_routes(
	    script, family, "throw", "table 200000 metric", rules->port);
	delivery_print_default(script, family, TABLE);
	delivery_print_lookup(script, family, "fwmark " MARK, TABLE);
}

/* The last instance takes the table with it. */
static void
print_delivery_removal(const struct client_rules *rules, int family)
{
	const struct script *script = &rules->script;
	const char *ip = family == AF_INET ? "ip -4" : "ip -6";

	fprintf(script->out,
	    "%s route flush table %u metric %u 2>/dev/null || :\n"
	    "if ! %s route list table %u 2>/dev/null | grep -q ^throw; then\n",
	    ip, TABLE, rules->port, ip, TABLE);
	delivery_print_removal(script, family, TABLE);
	fputs("fi\n", script->out);
}

/*
 * The other mode has its chain in another table. The question whether that table
 * is there must not create it, because NAT would begin to track connections.
 */
static void
print_other_chain_removal(const struct client_rules *rules, int family)
{
	struct script other = rules->script;

	other.table = rules->tproxy ? "nat" : "mangle";
	fprintf(other.out,
	    "\n# The rules of the other inbound.mode, if there are any.\n"
	    "if %s-save 2>/dev/null | grep -qx '\\*%s'; then\n",
	    family == AF_INET ? "iptables" : "ip6tables", other.table);
	script_remove_chain(&other, family);
	fputs("fi\n", other.out);
}

static void
print_family(const struct client_rules *rules, int family)
{
	script_begin_family(&rules->script, family, rules->iptables);
	if (rules->tproxy)
		print_delivery(rules, family);
	if (rules->iptables) {
		print_chain(rules, family);
		print_other_chain_removal(rules, family);
	}
	script_end_family(&rules->script, family);
}

void
client_rules_print(const struct client_rules *rules)
{
	const struct script *script = &rules->script;

	fputs(rules->tproxy
		? "\n# The users' connections are given to the client, except "
		  "those to this host\n"
		  "# (ssh), among the users, and to the server itself.\n"
		  "# If this host filters its input, accept there what has the "
		  "mark\n"
		  "# " MARK ".\n"
		: "\n# The users' connections are redirected to the client, "
		  "except those to this host\n"
		  "# (ssh), among the users, and to the server itself.\n"
		  "# If this host filters its input, accept the redirected "
		  "port there.\n",
	    script->out);
	for (const int *family = script_families; *family; family++) {
		if ((rules->iptables || rules->tproxy) &&
		    prefix_list_has_family(script->prefixes, *family))
			print_family(rules, *family);
	}
	if (!rules->iptables)
		print_table(rules);
}

void
client_rules_print_removal(const struct client_rules *rules)
{
	const struct script *script = &rules->script;

	fputs("\n# New connections of the users are not redirected any more.\n",
	    script->out);
	if (!rules->iptables)
		script_remove_table(script);
	for (const int *family = script_families; *family; family++) {
		if (rules->iptables) {
			script_remove_chain(script, *family);
			print_other_chain_removal(rules, *family);
		}
		print_delivery_removal(rules, *family);
	}
}
