#include "firewall/input_filter.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "firewall/filter_line.h"
#include "firewall/ruleset.h"

#define WORD_MAX_LEN 64
#define LINE_MAX_LEN 65536 /* with all that a set in a rule may have */

struct place {
	char tool[WORD_MAX_LEN];
	char table[WORD_MAX_LEN]; /* of nft(8), with its family */
	char chain[WORD_MAX_LEN];
	bool is_base; /* of what comes in */
};

struct intake {
	const char *rules;
	int family;
	uint16_t port;
	const struct prefix_list *users; /* NULL: anybody */
	struct place place, closed;      /* closed: where it is */
	bool is_open;
};

static bool
has(const char *line, const char *word)
{
	return ruleset_has_word(line, strlen(line), word);
}

static bool
is_of_other_family(const struct intake *intake, const char *line)
{
	bool is_ipv4 = intake->family == AF_INET;
	const char *table = intake->place.table;
	const char *own = is_ipv4 ? "ip " : "ip6 ";

	/* Tables of nft(8) may also be for what is no IP at all. */
	if (*table && strncmp(table, own, strlen(own)) != 0 &&
	    strncmp(table, "inet ", strlen("inet ")) != 0)
		return true;
	return filter_line_has(line, is_ipv4 ? "ip6" : "ip") ||
	    has(line, is_ipv4 ? "nfproto ipv6" : "nfproto ipv4");
}

static void
follow(struct place *place, const char *line)
{
	char chain[WORD_MAX_LEN], tool[WORD_MAX_LEN];

	if (*line == '#' || *line == '*') {
		strcpy(tool, place->tool);
		*place = (struct place){ 0 };
		strcpy(place->tool, tool);
	}
	if (!strncmp(line, RULESET_TOOL, strlen(RULESET_TOOL)))
		sscanf(line + strlen(RULESET_TOOL), "%63[^- ]", place->tool);
	if (sscanf(line, "table %63[^{]", place->table) == 1)
		return;
	if (sscanf(line, " chain %63[^ {]", chain) == 1 ||
	    sscanf(line, "-A %63s", chain) == 1 ||
	    sscanf(line, ":%63s", chain) == 1) {
		strcpy(place->chain, chain);
		place->is_base = *line != '\t' && !strcmp(chain, "INPUT");
	}
	if (has(line, " hook input"))
		place->is_base = true;
	else if (has(line, " hook"))
		strcpy(place->chain, "output or forward");
}

static bool
is_for_others(const struct place *place)
{
	static const char *const names[] = { "output", "forward", "_FWD_",
		"routing", NULL };

	for (const char *const *name = names; *name; name++) {
		if (strcasestr(place->chain, *name))
			return true;
	}
	return false;
}

/* LINE_MAX_LEN bytes of it. Returns what follows. */
static const char *
read_line(struct place *place, const char *rules, char *line)
{
	size_t len = strcspn(rules, "\n");

	snprintf(line, LINE_MAX_LEN, "%.*s", (int)len, rules);
	filter_line_tidy(line);
	follow(place, line);
	return rules + len + (rules[len] == '\n');
}

static bool
closes(const struct intake *intake, const char *line)
{
	if (!intake->place.is_base)
		return false;
	if (has(line, "policy drop") || !strncmp(line, ":INPUT DROP", 11))
		return true;
	return filter_line_drops(line) &&
	    (filter_line_is_unconditional(line) ||
		(filter_line_is_about_port(line, intake->port) &&
		    !filter_line_is_about_some(line)));
}

static bool
is_user(const struct intake *intake, const struct prefix *prefix)
{
	const struct prefix_list *users = intake->users;

	for (size_t i = 0; i < users->count; i++) {
		if (prefix_is_within(prefix, &users->items[i]) ||
		    prefix_is_within(&users->items[i], prefix))
			return true;
	}
	return false;
}

/* Where it is known who comes: from what is named, and none of it is theirs. */
static bool
is_from_others(const struct intake *intake, const char *line)
{
	const char *word = strstr(line, "saddr ");
	char text[PREFIX_STRLEN];
	struct prefix prefix;
	bool masked, any = false;

	if (!word)
		word = strstr(line, " -s ");
	if (!intake->users || !word || strstr(line, "saddr !=") ||
	    strstr(line, "! -s"))
		return false;
	while (*(word += strcspn(word, FILTER_LINE_BLANKS))) {
		word += strspn(word, FILTER_LINE_BLANKS);
		snprintf(text, sizeof(text), "%.*s",
		    (int)strcspn(word, FILTER_LINE_BLANKS), word);
		if (prefix_parse(text, &prefix, &masked))
			continue;
		if (is_user(intake, &prefix))
			return false;
		any = true;
	}
	return any;
}

/* Rules that are not for the first packet of such a connection. */
static bool
is_about_others(const struct intake *intake, const char *line)
{
	if (is_for_others(&intake->place))
		return true;
	if (strstr(line, "dport"))
		return !filter_line_is_about_port(line, intake->port) &&
		    !filter_line_names_set(line);
	if (has(line, "dnat") || has(line, "DNAT"))
		return !intake->users;
	return filter_line_is_about_others(line) ||
	    is_from_others(intake, line);
}

/* Whether any such connection gets to a chain that accepts all. */
static bool
is_reached(const struct intake *intake, const char *chain)
{
	static const char *const verbs[] = { "jump", "goto", "-j", "-g", NULL };
	struct intake other = *intake;
	char line[LINE_MAX_LEN], words[WORD_MAX_LEN + 8];

	for (const char *rules = intake->rules; *rules;) {
		rules = read_line(&other.place, rules, line);
		for (const char *const *verb = verbs; *verb; verb++) {
			snprintf(words, sizeof(words), "%s %s", *verb, chain);
			if (has(line, words) && !is_about_others(&other, line))
				return true;
		}
	}
	return false;
}

/* What cannot be told, such as a set or an interface, may be open. */
static bool
opens(const struct intake *intake, const char *line)
{
	bool leads_on = filter_line_is_about_port(line, intake->port);

	if (is_about_others(intake, line) || *line == ':')
		return false;
	if (leads_on && strstr(line, "vmap"))
		return true;
	if (filter_line_drops(line) ||
	    (!leads_on && !filter_line_accepts(line)))
		return false;
	return !filter_line_is_unconditional(line) || intake->place.is_base ||
	    is_reached(intake, intake->place.chain);
}

static void
format_command(
    const struct intake *intake, bool of_ufw, char *command, size_t size)
{
	const struct place *closed = &intake->closed;

	if (of_ufw)
		snprintf(command, size, "ufw allow %u/tcp", intake->port);
	else if (strstr(closed->table, "firewalld"))
		snprintf(command, size,
		    "firewall-cmd --permanent --add-port=%u/tcp && "
		    "firewall-cmd --reload",
		    intake->port);
	else if (strcmp(closed->chain, "INPUT") == 0 &&
	    (strcmp(closed->tool, "nft") != 0 ||
		!strcmp(closed->table, "ip filter ") ||
		!strcmp(closed->table, "ip6 filter ")))
		snprintf(command, size,
		    "%s -I INPUT -p tcp --dport %u -j ACCEPT",
		    intake->family == AF_INET ? "iptables" : "ip6tables",
		    intake->port);
	else
		snprintf(command, size,
		    "nft insert rule %s%s tcp dport %u accept", closed->table,
		    closed->chain, intake->port);
}

bool
input_filter_is_closed(const char *rules, int family, uint16_t port,
    const struct prefix_list *users, char *command, size_t size)
{
	struct intake intake = {
		.rules = rules, .family = family, .port = port, .users = users
	};
	bool of_ufw = strstr(rules, "ufw-user-input");
	char line[LINE_MAX_LEN];

	while (*rules) {
		rules = read_line(&intake.place, rules, line);
		if (!is_of_other_family(&intake, line)) {
			intake.is_open |= opens(&intake, line);
			if (closes(&intake, line) && !*intake.closed.chain)
				intake.closed = intake.place;
		}
	}
	if (!*intake.closed.chain || intake.is_open)
		return false;
	format_command(&intake, of_ufw, command, size);
	return true;
}
