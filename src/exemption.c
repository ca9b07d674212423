#include "exemption.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "ruleset.h"

#define NAME_LEN 64
#define LINE_LEN 1024

/* Where a rule stands: the tool's name, and for nft(8) the hook, too. */
struct place {
	char tool[NAME_LEN], table[NAME_LEN], chain[NAME_LEN], hook[NAME_LEN];
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
	sscanf(
	    line, is_of_nft(place) ? "table %63[^{]" : "*%63s", place->table);
	if (sscanf(line, " chain %63[^ {]", place->chain) == 1)
		*place->hook = '\0';
	sscanf(line, " type %*s hook %63s", place->hook);
}

static bool
rewrites(const struct place *place, const char *line)
{
	if (is_of_nft(place))
		return strstr(line, " masquerade") || strstr(line, " snat ");
	return strstr(line, "-j MASQUERADE") || strstr(line, "-j SNAT") ||
	    strstr(line, "-j NETMAP");
}

static bool
passes_over(const struct place *place, const char *line)
{
	if (is_of_nft(place))
		return strstr(line, "notrack");
	return strstr(line, "-j NOTRACK") || strstr(line, "--notrack");
}

static bool
redirects_own(const struct place *place, const char *line)
{
	if (is_of_nft(place))
		return !strcmp(place->hook, "output") &&
		    (strstr(line, " redirect") || strstr(line, " dnat "));
	return !strncmp(line, "-A OUTPUT ", strlen("-A OUTPUT ")) &&
	    (strstr(line, "-j REDIRECT") || strstr(line, "-j DNAT"));
}

/* A condition may make it drop others only: what it dropped was seen. */
static bool
drops_at(const struct place *place, const char *line, const char *hook,
    const char *chain)
{
	if (is_of_nft(place))
		return !strcmp(place->hook, hook) &&
		    (strstr(line, " drop") || strstr(line, "\tdrop") ||
			strstr(line, "reject"));
	return !strcmp(place->table, "filter") && strstr(line, chain) &&
	    (strstr(line, " DROP") || strstr(line, "-j REJECT"));
}

static bool
drops_sent(const struct place *place, const char *line)
{
	return drops_at(place, line, "output", "OUTPUT ");
}

static bool
drops_received(const struct place *place, const char *line)
{
	return drops_at(place, line, "input", "INPUT ");
}

static bool
is_of_family(const struct place *place, int family)
{
	const char *other = family == AF_INET ? "ip6 " : "ip ";

	return strncmp(place->table, other, strlen(other)) != 0;
}

/* nft(8) shows the tables of iptables, too, which has its own say in them. */
static bool
find(const char *rules, int family,
    bool (*fits)(const struct place *place, const char *line),
    struct place *found)
{
	struct place place = { 0 };
	char line[LINE_LEN];

	*found = place;
	while (*rules) {
		size_t len = strcspn(rules, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)len, rules);
		follow(&place, line);
		if (fits(&place, line) && is_of_family(&place, family) &&
		    (!*found->tool || is_of_nft(found)))
			*found = place;
		rules += len;
		rules += *rules == '\n';
	}
	return *found->tool;
}

/* chain: of iptables, with its table. */
static void
format_users(const struct place *place, const struct prefix *users,
    const char *chain, char *command, size_t size)
{
	char text[PREFIX_STRLEN];

	prefix_format(users, text);
	if (is_of_nft(place))
		snprintf(command, size,
		    "nft insert rule %s%s %s saddr %s accept", place->table,
		    place->chain,
		    users->base.any.sa_family == AF_INET ? "ip" : "ip6", text);
	else
		snprintf(command, size, "%s -t %s -s %s -j ACCEPT", place->tool,
		    chain, text);
}

bool
exemption_find(
    const char *rules, const struct prefix *users, char *command, size_t size)
{
	struct place place;

	if (!find(rules, users->base.any.sa_family, rewrites, &place))
		return false;
	format_users(&place, users, "nat -I POSTROUTING", command, size);
	return true;
}

bool
exemption_find_untracked(
    const char *rules, const struct prefix *users, char *command, size_t size)
{
	struct place place;

	if (!find(rules, users->base.any.sa_family, passes_over, &place))
		return false;
	format_users(&place, users, "raw -I PREROUTING", command, size);
	return true;
}

bool
exemption_find_own(
    const char *rules, const union address *to, char *command, size_t size)
{
	char host[ADDRESS_STRLEN];
	struct place place;

	if (!find(rules, to->any.sa_family, redirects_own, &place))
		return false;
	address_format_host(to, host);
	if (is_of_nft(&place))
		snprintf(command, size,
		    "nft insert rule %s%s %s daddr %s tcp dport %u accept",
		    place.table, place.chain,
		    to->any.sa_family == AF_INET ? "ip" : "ip6", host,
		    address_port(to));
	else
		snprintf(command, size,
		    "%s -t nat -I OUTPUT -p tcp -d %s --dport %u -j ACCEPT",
		    place.tool, host, address_port(to));
	return true;
}

bool
exemption_find_sent(
    const char *rules, const struct prefix *users, char *command, size_t size)
{
	struct place place;

	if (!find(rules, users->base.any.sa_family, drops_sent, &place))
		return false;
	format_users(&place, users, "filter -I OUTPUT", command, size);
	return true;
}

bool
exemption_find_answers(
    const char *rules, int family, char *command, size_t size)
{
	struct place place;

	if (!find(rules, family, drops_received, &place))
		return false;
	if (is_of_nft(&place))
		snprintf(command, size,
		    "nft insert rule %s%s ct state established,related accept",
		    place.table, place.chain);
	else
		snprintf(command, size,
		    "%s -I INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j "
		    "ACCEPT",
		    place.tool);
	return true;
}
