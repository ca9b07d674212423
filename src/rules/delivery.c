#include "rules/delivery.h"

/* In front of the usual rules of others, and with room in front of it. */
#define PREFERENCE 90

static unsigned
ip_version(int family)
{
	return family == AF_INET ? 4 : 6;
}

void
delivery_print_routes(const struct script *script, int family, const char *type,
    const char *where, unsigned number)
{
	const struct prefix *users = NULL;
	char text[PREFIX_STRLEN];

	while ((users = prefix_list_next(script->prefixes, family, users)))
		fprintf(script->out, "ip -%u route replace %s %s %s %u\n",
		    ip_version(family), type, prefix_format(users, text), where,
		    number);
}

void
delivery_print_default(const struct script *script, int family, unsigned table)
{
	fprintf(script->out,
	    "ip -%u route replace local default dev lo table %u\n",
	    ip_version(family), table);
}

/*
 * "ip rule list" sorts by preference. The rules at 0 stay in front: the kernel's
 * own. Adding a rule twice is an error on some kernels, and doubles it on
 * others.
 */
void
delivery_print_lookup(const struct script *script, int family,
    const char *selector, unsigned table)
{
	unsigned version = ip_version(family);

	fprintf(script->out,
	    "# The rule comes in front of those of others.\n"
	    "pref=$(ip -%u rule list | {\n"
	    "\twhile IFS=: read -r pref rule; do\n"
	    "\t\tcase \"$pref:$rule\" in\n"
	    "\t\t0:* | *' lookup '[12][0-6][0-9][0-9][0-9][0-9]*) ;;\n"
	    "\t\t*) break ;;\n"
	    "\t\tesac\n"
	    "\tdone\n"
	    "\t[ \"${pref:-%d}\" -lt %d ] || pref=%d\n"
	    "\techo $((pref - 1))\n"
	    "})\n"
	    "rule=\"%s table %u pref $pref\"\n",
	    version, PREFERENCE + 1, PREFERENCE + 1, PREFERENCE + 1, selector,
	    table);
	/*
	 * networkd.conf(5): systemd-networkd removes the rules of others, but
	 * not those of the protocol kernel. Only -d shows it, and a list by
	 * protocol is a list of all.
	 */
	fprintf(script->out,
	    "ip -d -%u rule list $rule | grep -q 'proto kernel' ||\n"
	    "\tip -%u rule add $rule protocol kernel\n"
	    "kept=$(ip -d -%u rule list $rule | grep 'proto kernel')\n"
	    "ip -d -%u rule list table %u | while IFS= read -r rule; do\n"
	    "\t[ \"$rule\" = \"$kept\" ] ||\n"
	    "\t\tip -%u rule del pref ${rule%%%%:*} ${rule#*:}\n"
	    "done\n",
	    version, version, version, version, table, version);
}

void
delivery_print_removal(const struct script *script, int family, unsigned table)
{
	unsigned version = ip_version(family);

	/* Flushing a table that never had a route is an error; ignore it. */
	fprintf(script->out,
	    "while [ \"$(ip -%u rule list table %u 2>/dev/null)\" ]; do\n"
	    "\tip -%u rule del table %u\n"
	    "done\n"
	    "ip -%u route flush table %u 2>/dev/null || :\n",
	    version, table, version, table, version, table);
}
