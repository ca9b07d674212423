#include "rules/script.h"

#define TABLE_MAX_LEN 16 /* "ip6 mangle" */

const int script_families[] = { AF_INET, AF_INET6, 0 };

static const char *
iptables(int family)
{
	return family == AF_INET ? "iptables" : "ip6tables";
}

const char *
script_protocol(int family)
{
	return family == AF_INET ? "ip" : "ip6";
}

const char *
script_icmp(int family)
{
	return family == AF_INET ? "icmp" : "icmpv6";
}

static void
print_left_out(const struct script *script, const char *why)
{
	fprintf(script->out,
	    "\techo 'srcproxy: %s: the rules for IPv6 users are left out' >&2\n"
	    "%s",
	    why,
	    prefix_list_has_family(script->prefixes, AF_INET) ? ""
							      : "\texit 1\n");
}

void
script_begin_family(
    const struct script *script, int family, bool needs_iptables)
{
	if (family != AF_INET6)
		return;
	/* This file is missing with ipv6.disable=1. */
	fputs("\n# IPv6 is left out if this host has none when this runs.\n"
	      "if [ \"$(cat /proc/sys/net/ipv6/conf/lo/disable_ipv6 "
	      "2>/dev/null)\" != 0 ]; then\n",
	    script->out);
	print_left_out(script, "IPv6 is disabled on this host");
	if (needs_iptables) {
		fputs("elif ! command -v ip6tables-restore >/dev/null; then\n",
		    script->out);
		print_left_out(script, "ip6tables is not installed");
	}
	fputs("else\n", script->out);
}

void
script_end_family(const struct script *script, int family)
{
	if (family == AF_INET6)
		fputs("fi\n", script->out);
}

/* Create the table first: deleting a missing table is an error. */
static void
begin_anew(const struct script *script)
{
	fprintf(script->out,
	    "nft -f - <<'END'\n"
	    "table inet %s\n"
	    "delete table inet %s\n",
	    script->name, script->name);
}

void
script_begin_table(const struct script *script)
{
	begin_anew(script);
	fprintf(script->out, "table inet %s {\n", script->name);
}

void
script_end_table(const struct script *script)
{
	fputs("}\nEND\n", script->out);
}

void
script_print_prefixes_of_length(const struct script *script,
    const struct prefix_list *list, int family, const char *field,
    unsigned bits)
{
	const struct prefix *prefix = NULL;
	const char *separator = "{";
	char text[PREFIX_STRLEN];

	fprintf(script->out, "%s %s ", script_protocol(family), field);
	while ((prefix = prefix_list_next(list, family, prefix))) {
		if (bits != SCRIPT_ANY_LENGTH && prefix->bit_count != bits)
			continue;
		fprintf(script->out, "%s %s", separator,
		    prefix_format(prefix, text));
		separator = ",";
	}
	fputs(" }", script->out);
}

void
script_print_prefixes(const struct script *script,
    const struct prefix_list *list, int family, const char *field)
{
	script_print_prefixes_of_length(
	    script, list, family, field, SCRIPT_ANY_LENGTH);
}

void
script_remove_table(const struct script *script)
{
	begin_anew(script);
	fputs("END\n", script->out);
}

void
script_begin_chain(const struct script *script, int family)
{
	/*
	 * Declaring the chain empties it, in one step with the rules that
	 * follow.
	 */
	fprintf(script->out,
	    "%s-restore -w -n <<'END'\n"
	    "*%s\n"
	    ":%s - [0:0]\n",
	    iptables(family), script->table, script->name);
}

void
script_end_chain(const struct script *script)
{
	fputs("COMMIT\nEND\n", script->out);
}

void
script_hook_chain(const struct script *script, int family, const char *from,
    const char *protocol)
{
	fprintf(script->out,
	    "%s -w -t %s -C %s -p %s -j %s 2>/dev/null ||\n"
	    "\t%s -w -t %s -A %s -p %s -j %s\n",
	    iptables(family), script->table, from, protocol, script->name,
	    iptables(family), script->table, from, protocol, script->name);
}

void
script_hook_chain_last(const struct script *script, int family,
    const char *from, const char *protocol)
{
	/* -D deletes the first of two equal rules. */
	fprintf(script->out,
	    "%s-restore -w -n <<'END'\n"
	    "*%s\n"
	    "-A %s -p %s -j %s\n"
	    "-D %s -p %s -j %s\n"
	    "COMMIT\n"
	    "END\n",
	    iptables(family), script->table, from, protocol, script->name, from,
	    protocol, script->name);
}

void
script_hook_users(const struct script *script, int family, const char *from,
    const char *matches)
{
	const char *tool = iptables(family), *table = script->table;
	const struct prefix *users = NULL;
	char text[PREFIX_STRLEN];

	fprintf(script->out,
	    "# Longer prefixes come first, also those of other instances.\n"
	    "hook() {\n"
	    "\tbits=${1#*/}\n"
	    "\tset -- -s \"$1\" -p tcp%s%s -j %s\n"
	    "\t%s -w -t %s -C %s \"$@\" 2>/dev/null ||\n"
	    "\t\t%s -w -t %s $(%s -w -t %s -S %s 2>/dev/null | awk -v "
	    "bits=\"$bits\" '\n"
	    "\t\t\t/^-A/ { n++ }\n"
	    "\t\t\t/ -j srcproxy-client-/ {\n"
	    "\t\t\t\tsplit($4, user, \"/\")\n"
	    "\t\t\t\tif (user[2] < bits) { at = n; exit } }\n"
	    "\t\t\tEND { print at ? \"-I %s \" at : \"-A %s\" }') \"$@\"\n"
	    "}\n",
	    *matches ? " " : "", matches, script->name, tool, table, from, tool,
	    table, tool, table, from, from, from);
	while ((users = prefix_list_next(script->prefixes, family, users)))
		fprintf(script->out, "hook %s\n", prefix_format(users, text));
}

void
script_unhook_chain(const struct script *script, int family, const char *from,
    const char *protocol)
{
	fprintf(script->out,
	    "while %s -w -t %s -C %s -p %s -j %s 2>/dev/null; do\n"
	    "\t%s -w -t %s -D %s -p %s -j %s\n"
	    "done\n",
	    iptables(family), script->table, from, protocol, script->name,
	    iptables(family), script->table, from, protocol, script->name);
}

/*
 * Rules that were saved by "nft list ruleset" and loaded by "nft -f" are
 * native: iptables(8) neither lists nor deletes them. So nft(8) deletes them by
 * their handles.
 */
static void
remove_native_chain(const struct script *script, int family)
{
	char table[TABLE_MAX_LEN];

	snprintf(table, sizeof(table), "%s %s", script_protocol(family),
	    script->table);
	fprintf(script->out,
	    "if nft list chain %s %s >/dev/null 2>&1; then\n"
	    "\tnft -a list table %s 2>/dev/null | awk '\n"
	    "\t\t$1 == \"chain\" { chain = $2 }\n"
	    "\t\t/ (jump|goto) %s( |$)/ {\n"
	    "\t\t\tprint \"delete rule %s\", chain, \"handle\", $NF }\n"
	    "\t\tEND { print \"delete chain %s %s\" }' | nft -f -\n"
	    "fi\n",
	    table, script->name, table, script->name, table, table,
	    script->name);
}

void
script_remove_chain(const struct script *script, int family)
{
	const char *tool = iptables(family), *table = script->table;

	remove_native_chain(script, family);
	fprintf(script->out,
	    "%s -w -t %s -S 2>/dev/null | sed -n 's/^-A \\(.* -j %s\\)$/\\1/p' "
	    "|\n"
	    "\twhile read -r jump; do %s -w -t %s -D $jump; done\n"
	    "if %s -w -t %s -S %s >/dev/null 2>&1; then\n"
	    "\t%s -w -t %s -F %s\n"
	    "\t%s -w -t %s -X %s\n"
	    "fi\n",
	    tool, table, script->name, tool, table, tool, table, script->name,
	    tool, table, script->name, tool, table, script->name);
}
