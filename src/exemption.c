#include "exemption.h"

#include <stdio.h>
#include <string.h>

#include "ruleset.h"

#define NAME_LEN 64
#define LINE_LEN 1024

/* Where a rule stands: the tool's name, and for nft(8) the table and chain. */
struct place {
	char tool[NAME_LEN], table[NAME_LEN], chain[NAME_LEN];
};

static bool
is_of_nft(const struct place *place)
{
	return !strcmp(place->tool, "nft");
}

/* Keeps up with where the reader is. */
static void
follow(struct place *place, const char *line)
{
	char *action;

	if (!strncmp(line, RULESET_TOOL, strlen(RULESET_TOOL))) {
		*place = (struct place){ 0 };
		sscanf(line + strlen(RULESET_TOOL), "%63s", place->tool);
		action = strstr(place->tool, "-save");
		if (action)
			*action = '\0';
	}
	sscanf(line, "table %63[^{]", place->table);
	sscanf(line, " chain %63[^ {]", place->chain);
}

static bool
rewrites(const struct place *place, const char *line)
{
	if (is_of_nft(place))
		return strstr(line, " masquerade") || strstr(line, " snat ");
	return strstr(line, "-j MASQUERADE") || strstr(line, "-j SNAT") ||
	    strstr(line, "-j NETMAP");
}

static void
format_command(const struct place *place, const struct prefix *users,
    char *command, size_t size)
{
	char text[PREFIX_STRLEN];

	prefix_format(users, text);
	if (is_of_nft(place))
		snprintf(command, size,
		    "nft insert rule %s%s %s saddr %s accept", place->table,
		    place->chain,
		    users->base.any.sa_family == AF_INET ? "ip" : "ip6", text);
	else
		snprintf(command, size,
		    "%s -t nat -I POSTROUTING -s %s -j ACCEPT", place->tool,
		    text);
}

/* nft(8) shows the tables of iptables, too, which has its own say in them. */
bool
exemption_find(
    const char *rules, const struct prefix *users, char *command, size_t size)
{
	struct place place = { 0 }, found = { 0 };
	char line[LINE_LEN];

	while (*rules) {
		size_t len = strcspn(rules, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)len, rules);
		follow(&place, line);
		if (rewrites(&place, line) &&
		    (!*found.tool || is_of_nft(&found)))
			found = place;
		rules += len;
		rules += *rules == '\n';
	}
	if (*found.tool)
		format_command(&found, users, command, size);
	return *found.tool;
}
