#include "rules/script.h"

#define TABLE_MAX_LEN 16 /* "ip6 mangle" */

const int firewall_families[] = { AF_INET, AF_INET6, 0 };

static const char *
iptables(int family)
{
	return family == AF_INET ? "iptables" : "ip6tables";
}

const char *
firewall_protocol(int family)
{
	return family == AF_INET ? "ip" : "ip6";
}

static void
print_left_out(const struct firewall *firewall, const char *why)
{
	fprintf(firewall->out,
	    "\techo 'srcproxy: %s: the rules for IPv6 users are left out' >&2\n"
	    "%s",
	    why,
	    prefix_list_has_family(firewall->prefixes, AF_INET) ? ""
								: "\texit 1\n");
}

void
firewall_begin_family(
    const struct firewall *firewall, int family, bool needs_iptables)
{
	if (family != AF_INET6)
		return;
	/* With ipv6.disable=1 there is no such file. */
	fputs("\n# IPv6 is left out where this host has none when this runs.\n"
	      "if [ \"$(cat /proc/sys/net/ipv6/conf/lo/disable_ipv6 "
	      "2>/dev/null)\" != 0 ]; then\n",
	    firewall->out);
	print_left_out(firewall, "IPv6 is disabled on this host");
	if (needs_iptables) {
		fputs("elif ! command -v ip6tables-restore >/dev/null; then\n",
		    firewall->out);
		print_left_out(firewall, "ip6tables is not installed");
	}
	fputs("else\n", firewall->out);
}

void
firewall_end_family(const struct firewall *firewall, int family)
{
	if (family == AF_INET6)
		fputs("fi\n", firewall->out);
}

/* A table that does not exist could not be deleted, so it is made first. */
static void
begin_anew(const struct firewall *firewall)
{
	fprintf(firewall->out,
	    "nft -f - <<'END'\n"
	    "table inet %s\n"
	    "delete table inet %s\n",
	    firewall->name, firewall->name);
}

void
firewall_begin_table(const struct firewall *firewall)
{
	begin_anew(firewall);
	fprintf(firewall->out, "table inet %s {\n", firewall->name);
}

void
firewall_end_table(const struct firewall *firewall)
{
	fputs("}\nEND\n", firewall->out);
}

void
firewall_print_users(
    const struct firewall *firewall, int family, const char *field)
{
	const struct prefix_list *list = firewall->prefixes;
	const char *separator = "{";
	char text[PREFIX_STRLEN];

	fprintf(firewall->out, "%s %s ", firewall_protocol(family), field);
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].base.any.sa_family != family)
			continue;
		fprintf(firewall->out, "%s %s", separator,
		    prefix_format(&list->items[i], text));
		separator = ",";
	}
	fputs(" }", firewall->out);
}

void
firewall_remove_table(const struct firewall *firewall)
{
	begin_anew(firewall);
	fputs("END\n", firewall->out);
}

void
firewall_begin_chain(const struct firewall *firewall, int family)
{
	/* Naming the chain empties it, all in one step with what follows. */
	fprintf(firewall->out,
	    "%s-restore -w -n <<'END'\n"
	    "*%s\n"
	    ":%s - [0:0]\n",
	    iptables(family), firewall->table, firewall->name);
}

void
firewall_end_chain(const struct firewall *firewall)
{
	fputs("COMMIT\nEND\n", firewall->out);
}

void
firewall_hook_chain(const struct firewall *firewall, int family,
    const char *from, const char *protocol)
{
	fprintf(firewall->out,
	    "%s -w -t %s -C %s -p %s -j %s 2>/dev/null ||\n"
	    "\t%s -w -t %s -A %s -p %s -j %s\n",
	    iptables(family), firewall->table, from, protocol, firewall->name,
	    iptables(family), firewall->table, from, protocol, firewall->name);
}

void
firewall_unhook_chain(const struct firewall *firewall, int family,
    const char *from, const char *protocol)
{
	fprintf(firewall->out,
	    "while %s -w -t %s -C %s -p %s -j %s 2>/dev/null; do\n"
	    "\t%s -w -t %s -D %s -p %s -j %s\n"
	    "done\n",
	    iptables(family), firewall->table, from, protocol, firewall->name,
	    iptables(family), firewall->table, from, protocol, firewall->name);
}

/*
 * Rules that "nft list ruleset" saved and nft -f loaded again are native:
 * iptables(8) does not list or delete them, so nft(8) does, by their handles.
 */
static void
remove_native_chain(const struct firewall *firewall, int family)
{
	char table[TABLE_MAX_LEN];

	snprintf(table, sizeof(table), "%s %s", firewall_protocol(family),
	    firewall->table);
	fprintf(firewall->out,
	    "if nft list chain %s %s >/dev/null 2>&1; then\n"
	    "\tnft -a list table %s 2>/dev/null | awk '\n"
	    "\t\t$1 == \"chain\" { chain = $2 }\n"
	    "\t\t/ (jump|goto) %s( |$)/ {\n"
	    "\t\t\tprint \"delete rule %s\", chain, \"handle\", $NF }\n"
	    "\t\tEND { print \"delete chain %s %s\" }' | nft -f -\n"
	    "fi\n",
	    table, firewall->name, table, firewall->name, table, table,
	    firewall->name);
}

void
firewall_remove_chain(const struct firewall *firewall, int family)
{
	const char *tool = iptables(family), *table = firewall->table;

	remove_native_chain(firewall, family);
	fprintf(firewall->out,
	    "if %s -w -t %s -S %s >/dev/null 2>&1; then\n"
	    "\t%s -w -t %s -F %s\n"
	    "\t%s -w -t %s -X %s\n"
	    "fi\n",
	    tool, table, firewall->name, tool, table, firewall->name, tool,
	    table, firewall->name);
}
