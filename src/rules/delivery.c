#include "rules/delivery.h"

#define PREFERENCE 30000

static unsigned
ip_version(int family)
{
	return family == AF_INET ? 4 : 6;
}

void
delivery_print_routes(const struct script *script, int family, const char *type,
    const char *where, unsigned number)
{
	const struct prefix_list *list = script->prefixes;
	char text[PREFIX_STRLEN];

	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].base.any.sa_family == family)
			fprintf(script->out,
			    "ip -%u route replace %s %s %s %u\n",
			    ip_version(family), type,
			    prefix_format(&list->items[i], text), where,
			    number);
	}
}

/* Adding a rule twice is an error on some kernels, and doubles it on others. */
void
delivery_print_lookup(const struct script *script, int family,
    const char *selector, unsigned table)
{
	unsigned version = ip_version(family);

	fprintf(script->out,
	    "[ \"$(ip -%u rule list %s table %u pref %d)\" ] ||\n"
	    "\tip -%u rule add %s table %u pref %d\n",
	    version, selector, table, PREFERENCE, version, selector, table,
	    PREFERENCE);
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
