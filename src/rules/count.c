#include "rules/count.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* "srcproxy-server-", a port, "-count", and the end of the string */
#define NAME_LEN 28

/*
 * On the exit only packets of the server half's own sockets have the users'
 * addresses in these hooks; those of other hosts are forwarded.
 */
static const struct {
	const char *hook, *field, *direction;
} chains[] = {
	{ "input", "daddr", "received" },
	{ "output", "saddr", "sent" },
};

#define CHAIN_COUNT (sizeof(chains) / sizeof(*chains))

/* Returns name. */
static const char *
table_of(uint16_t port, char name[NAME_LEN])
{
	snprintf(name, NAME_LEN, "srcproxy-server-%u-count", port);
	return name;
}

static const char *
format_counter(const char *direction, const struct prefix *prefix,
    char text[COUNT_COUNTER_LEN])
{
	char written[PREFIX_STRLEN], *at;

	snprintf(text, COUNT_COUNTER_LEN, "%s-%s", direction,
	    prefix_format(prefix, written));
	for (at = text; (at = strchr(at, ':'));)
		*at = '_';
	return text;
}

bool
count_parse(const char *counter, char copy[COUNT_COUNTER_LEN],
    const char **direction, const char **prefix)
{
	char *at;

	snprintf(copy, COUNT_COUNTER_LEN, "%s", counter);
	at = strchr(copy, '-');
	if (!at)
		return false;
	*at++ = '\0';
	*direction = copy;
	*prefix = at;
	while ((at = strchr(at, '_')))
		*at = ':';
	return !strcmp(copy, "sent") || !strcmp(copy, "received");
}

static void
print_counters(const struct script *script, size_t chain)
{
	char text[COUNT_COUNTER_LEN];

	for (size_t i = 0; i < script->prefixes->count; i++)
		fprintf(script->out, "\tcounter %s { }\n",
		    format_counter(chains[chain].direction,
			&script->prefixes->items[i], text));
	fprintf(script->out,
	    "\tchain %s { type filter hook %s priority 300; }\n",
	    chains[chain].hook, chains[chain].hook);
}

/* A map finds the counter in one step, however many prefixes there are. */
static void
print_map(const struct script *script, size_t chain, int family)
{
	const struct prefix_list *list = script->prefixes;
	const struct prefix *users = NULL;
	char name[COUNT_COUNTER_LEN], text[PREFIX_STRLEN];
	const char *separator = "{";

	if (!prefix_list_has_family(list, family))
		return;
	fprintf(script->out, "\t\tmeta l4proto tcp counter name %s %s map ",
	    script_protocol(family), chains[chain].field);
	while ((users = prefix_list_next(list, family, users))) {
		fprintf(script->out, "%s %s : \"%s\"", separator,
		    prefix_format(users, text),
		    format_counter(chains[chain].direction, users, name));
		separator = ",";
	}
	fputs(" }\n", script->out);
}

void
count_print(const struct script *script, uint16_t port)
{
	char table[NAME_LEN];
	FILE *out = script->out;

	table_of(port, table);
	fprintf(out,
	    "\n# The bytes of the users are counted, for srcproxy status. "
	    "Counters that are there\n"
	    "# keep their values.\n"
	    "nft -f - <<'END'\n"
	    "table inet %s {\n",
	    table);
	for (size_t i = 0; i < CHAIN_COUNT; i++)
		print_counters(script, i);
	fputs("}\n", out);
	for (size_t i = 0; i < CHAIN_COUNT; i++)
		fprintf(out, "flush chain inet %s %s\n", table, chains[i].hook);
	fprintf(out, "table inet %s {\n", table);
	for (size_t i = 0; i < CHAIN_COUNT; i++) {
		fprintf(out, "\tchain %s {\n", chains[i].hook);
		for (const int *family = script_families; *family; family++)
			print_map(script, i, *family);
		fputs("\t}\n", out);
	}
	fputs("}\nEND\n", out);
}

void
count_print_removal(const struct script *script, uint16_t port)
{
	struct script counters = *script;
	char table[NAME_LEN];

	counters.name = table_of(port, table);
	fputs("\n# The bytes of the users are not counted any more.\n",
	    script->out);
	script_remove_table(&counters);
}

/* Returns what nft(8) prints, or NULL if there is no such table. */
static struct json_object *
list(uint16_t port)
{
	char command[128], table[NAME_LEN];
	struct json_object *listing = NULL;
	FILE *file;

	snprintf(command, sizeof(command),
	    "PATH=$PATH:/usr/sbin:/sbin; "
	    "exec nft -j list counters table inet %s 2>/dev/null",
	    table_of(port, table));
	/* No part of it comes from outside. NOLINTNEXTLINE(cert-env33-c) */
	file = popen(command, "re");
	if (!file)
		return NULL;
	listing = json_object_from_fd(fileno(file));
	pclose(file);
	return listing;
}

/* by_prefix: an object for each prefix, in the order of the counters. */
static void
add_counter(struct json_object *by_prefix, struct json_object *counter)
{
	const char *direction, *prefix;
	const char *name =
	    json_object_get_string(json_object_object_get(counter, "name"));
	char copy[COUNT_COUNTER_LEN];
	struct json_object *object;

	if (!name || !count_parse(name, copy, &direction, &prefix))
		return;
	object = json_object_object_get(by_prefix, prefix);
	if (!object) {
		object = json_object_new_object();
		json_object_object_add(
		    object, "prefix", json_object_new_string(prefix));
		json_object_object_add(by_prefix, prefix, object);
	}
	json_object_object_add(object, direction,
	    json_object_get(json_object_object_get(counter, "bytes")));
}

static struct json_object *
collect(struct json_object *items)
{
	struct json_object *by_prefix = json_object_new_object();
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < json_object_array_length(items); i++)
		add_counter(by_prefix,
		    json_object_object_get(
			json_object_array_get_idx(items, i), "counter"));
	json_object_object_foreach(by_prefix, prefix, object)
	{
		(void)prefix;
		json_object_array_add(array, json_object_get(object));
	}
	json_object_put(by_prefix);
	return array;
}

struct json_object *
count_read(uint16_t port)
{
	struct json_object *listing = geteuid() == 0 ? list(port) : NULL;
	struct json_object *items = json_object_object_get(listing, "nftables");
	struct json_object *counts = NULL;

	if (json_object_is_type(items, json_type_array))
		counts = collect(items);
	json_object_put(listing);
	return counts;
}
