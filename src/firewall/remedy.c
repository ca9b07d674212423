#include "firewall/remedy.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "firewall/filter_line.h"
#include "firewall/ruleset.h"

#define NAME_LEN 64
#define LINE_LEN 65536 /* with all that a set in a rule may have */

/* Where a rule stands: the tool's name, and for nft(8) the hook, too. */
struct place {
	char tool[NAME_LEN], table[NAME_LEN], chain[NAME_LEN], hook[NAME_LEN];
};

/* How likely it is that a rule is the one. */
enum relevance { RELEVANCE_NONE, RELEVANCE_SOME, RELEVANCE_MUCH };

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
	if (is_of_nft(place)) {
		sscanf(line, "table %63[^{]", place->table);
		if (sscanf(line, " chain %63[^ {]", place->chain) == 1)
			*place->hook = '\0';
		sscanf(line, " type %*s hook %63s", place->hook);
	} else {
		sscanf(line, "*%63s", place->table);
		sscanf(line, ":%63s", place->chain);
		sscanf(line, "-A %63s", place->chain);
	}
}

/* That hook of nft(8), or that chain of iptables(8). */
static bool
is_at(const struct place *place, const char *hook, const char *chain)
{
	return is_of_nft(place) ? !strcmp(place->hook, hook)
				: !strcmp(place->chain, chain);
}

static bool
rewrites(const struct place *place, const char *line)
{
	if (is_of_nft(place))
		return filter_line_has(line, "masquerade") ||
		    filter_line_has(line, "snat");
	return strstr(line, "-j MASQUERADE") || strstr(line, "-j SNAT") ||
	    strstr(line, "-j NETMAP");
}

static bool
passes_over(const struct place *place, const char *line)
{
	return is_at(place, "prerouting", "PREROUTING") &&
	    (filter_line_has(line, "notrack") || strstr(line, "-j NOTRACK") ||
		strstr(line, "--notrack"));
}

static bool
redirects_own(const struct place *place, const char *line)
{
	if (!is_at(place, "output", "OUTPUT"))
		return false;
	if (is_of_nft(place))
		return filter_line_has(line, "redirect") ||
		    filter_line_has(line, "dnat");
	return strstr(line, "-j REDIRECT") || strstr(line, "-j DNAT");
}

/* A condition may make it drop others only: what it dropped was seen. */
static bool
drops(const struct place *place, const char *line)
{
	return (is_of_nft(place) || !strcmp(place->table, "filter")) &&
	    filter_line_drops(line);
}

static bool
drops_sent(const struct place *place, const char *line)
{
	return is_at(place, "output", "OUTPUT") && drops(place, line);
}

static bool
drops_received(const struct place *place, const char *line)
{
	return is_at(place, "input", "INPUT") && drops(place, line);
}

static bool
is_of_family(const struct place *place, int family)
{
	const char *own = family == AF_INET ? "ip " : "ip6 ";

	return !is_of_nft(place) || !strncmp(place->table, own, strlen(own)) ||
	    !strncmp(place->table, "inet ", strlen("inet "));
}

/* Whose packets it is about, by the source that it names, if it names one. */
static enum relevance
source_relevance(const char *line, const struct prefix *users)
{
	const char *word = strstr(line, "saddr ");
	char text[PREFIX_STRLEN];
	struct prefix prefix;
	bool masked;

	if (!word)
		word = strstr(line, "-s ");
	if (!word || strstr(line, "! -s "))
		return RELEVANCE_SOME;
	word += strcspn(word, " ") + 1;
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(word, " "), word);
	if (prefix_parse(text, &prefix, &masked))
		return RELEVANCE_SOME;
	return prefix_is_within(users, &prefix) ||
		prefix_is_within(&prefix, users)
	    ? RELEVANCE_MUCH
	    : RELEVANCE_NONE;
}

/* users: NULL if it is not about them. */
static enum relevance
find_relevance(const char *line, const struct prefix *users)
{
	if (strstr(line, "policy drop") || *line == ':' ||
	    filter_line_is_unconditional(line))
		return RELEVANCE_MUCH;
	return users ? source_relevance(line, users) : RELEVANCE_SOME;
}

/* nft(8) shows the chains of iptables, too, which has its own say in them. */
static bool
is_same(const struct place *nft, const struct place *other)
{
	const char *table = strchr(nft->table, ' ');

	return is_of_nft(nft) && table &&
	    !strncmp(table + 1, other->table, strlen(other->table)) &&
	    !strcmp(nft->chain, other->chain);
}

/* The first one of those that are most likely to be it. */
static bool
find(const char *rules, int family, const struct prefix *users,
    bool (*fits)(const struct place *place, const char *line),
    struct place *found)
{
	enum relevance best = RELEVANCE_NONE;
	struct place place = { 0 };
	char line[LINE_LEN];

	*found = place;
	while (*rules) {
		size_t len = strcspn(rules, "\n");
		enum relevance relevance;

		snprintf(line, sizeof(line), "%.*s", (int)len, rules);
		rules += len;
		rules += *rules == '\n';
		filter_line_tidy(line);
		follow(&place, line);
		if (!is_of_family(&place, family) || !fits(&place, line))
			continue;
		relevance = find_relevance(line, users);
		if (relevance > best ||
		    (relevance == best && is_same(found, &place))) {
			*found = place;
			best = relevance;
		}
	}
	return best != RELEVANCE_NONE;
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
remedy_find(
    const char *rules, const struct prefix *users, char *command, size_t size)
{
	struct place place;

	if (!find(rules, users->base.any.sa_family, users, rewrites, &place))
		return false;
	format_users(&place, users, "nat -I POSTROUTING", command, size);
	return true;
}

bool
remedy_find_untracked(
    const char *rules, const struct prefix *users, char *command, size_t size)
{
	struct place place;

	if (!find(rules, users->base.any.sa_family, users, passes_over, &place))
		return false;
	format_users(&place, users, "raw -I PREROUTING", command, size);
	return true;
}

bool
remedy_find_own(
    const char *rules, const union address *to, char *command, size_t size)
{
	char host[ADDRESS_STRLEN];
	struct place place;

	if (!find(rules, to->any.sa_family, NULL, redirects_own, &place))
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
remedy_find_sent(
    const char *rules, const struct prefix *users, char *command, size_t size)
{
	struct place place;

	if (!find(rules, users->base.any.sa_family, users, drops_sent, &place))
		return false;
	format_users(&place, users, "filter -I OUTPUT", command, size);
	return true;
}

bool
remedy_find_answers(const char *rules, int family, char *command, size_t size)
{
	struct place place;

	if (!find(rules, family, NULL, drops_received, &place))
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
