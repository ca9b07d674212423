#include "intake.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "ruleset.h"

#define WORD_MAX_LEN 64
#define LINE_MAX_LEN 1024

struct place {
	char table[WORD_MAX_LEN]; /* of nft(8), with its family */
	char chain[WORD_MAX_LEN];
	bool is_base; /* of what comes in */
};

struct intake {
	int family;
	uint16_t port;
	bool redirected;
	struct place place, closed; /* closed: where it is */
	bool is_open;
};

static bool
has(const char *line, const char *word)
{
	return ruleset_has_word(line, strlen(line), word);
}

static bool
is_of_other_family(const struct intake *intake)
{
	const char *other = intake->family == AF_INET ? "ip6 " : "ip ";

	return !strncmp(intake->place.table, other, strlen(other));
}

static void
follow(struct place *place, const char *line)
{
	char chain[WORD_MAX_LEN];

	if (*line == '#' || *line == '*')
		*place = (struct place){ 0 };
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
	static const char *const names[] = { "output", "forward", "routing",
		NULL };

	for (const char *const *name = names; *name; name++) {
		if (strcasestr(place->chain, *name))
			return true;
	}
	return false;
}

/* Nothing but a verdict, and what it has counted. */
static bool
is_unconditional(const char *line)
{
	char chain[WORD_MAX_LEN];
	int skipped = 0;

	if (sscanf(line, "-A %63s -j%n", chain, &skipped) == 1 && skipped > 0)
		return true;
	line += strspn(line, " \t");
	sscanf(line, "counter packets %*u bytes %*u %n", &skipped);
	line += skipped;
	return !strncmp(line, "drop", 4) || !strncmp(line, "reject", 6) ||
	    !strncmp(line, "accept", 6);
}

static bool
is_about_port(const struct intake *intake, const char *line)
{
	char port[WORD_MAX_LEN];

	snprintf(port, sizeof(port), "%u", intake->port);
	return has(line, "tcp") && strstr(line, "dport") && has(line, port);
}

static bool
drops(const char *line)
{
	return has(line, "drop") || has(line, "reject") || has(line, "DROP") ||
	    has(line, "REJECT");
}

/* It may keep out who has nothing to do with this; interfaces are in quotes. */
static bool
is_about_some(const char *line)
{
	return strstr(line, "saddr") || strchr(line, '"') ||
	    strstr(line, " -s ") || strstr(line, " -i ");
}

static bool
closes(const struct intake *intake, const char *line)
{
	if (!intake->place.is_base)
		return false;
	if (has(line, "policy drop") || !strncmp(line, ":INPUT DROP", 11))
		return true;
	return drops(line) &&
	    (is_unconditional(line) ||
		(is_about_port(intake, line) && !is_about_some(line)));
}

/* Rules that are not for the first packet of such a connection. */
static bool
is_about_others(const struct intake *intake, const char *line)
{
	static const char *const words[] = { "udp", "icmp", "ipv6-icmp",
		"icmpv6", "igmp", "esp", "ah", "gre", "lo", "\"lo\"", "dport",
		"--dport", "sport", "--sport", NULL };

	if (has(line, "dnat") || has(line, "DNAT"))
		return !intake->redirected;
	if (strcasestr(line, "established") && !strcasestr(line, "new"))
		return true;
	for (const char *const *word = words; *word; word++) {
		if (has(line, *word))
			return true;
	}
	return false;
}

/* What cannot be told, such as a set or a range of ports, may be open. */
static bool
opens(const struct intake *intake, const char *line)
{
	if (is_for_others(&intake->place) || drops(line))
		return false;
	if (is_about_port(intake, line) || has(line, "dports"))
		return true;
	if (!has(line, "accept") && !has(line, "ACCEPT"))
		return false;
	if (*line == ':' || has(line, "policy accept"))
		return false;
	if (strchr(line, '@') || strstr(line, "match-set") ||
	    strstr(line, "vmap") || has(line, "dport !="))
		return true;
	for (const char *range = line; (range = strpbrk(range, ":-"));
	     range++) {
		if (range > line && isdigit((unsigned char)range[-1]) &&
		    isdigit((unsigned char)range[1]))
			return true;
	}
	if (is_unconditional(line))
		return intake->place.is_base;
	return !is_about_others(intake, line);
}

static void
format_command(
    const struct intake *intake, bool of_ufw, char *command, size_t size)
{
	const struct place *closed = &intake->closed;

	if (of_ufw)
		snprintf(command, size, "ufw allow %u/tcp", intake->port);
	else if (strcmp(closed->chain, "INPUT") == 0)
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
intake_is_closed(const char *rules, int family, uint16_t port, bool redirected,
    char *command, size_t size)
{
	struct intake intake = {
		.family = family, .port = port, .redirected = redirected
	};
	bool of_ufw = strstr(rules, "ufw-user-input");
	char line[LINE_MAX_LEN];

	while (*rules) {
		size_t len = strcspn(rules, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)len, rules);
		follow(&intake.place, line);
		if (!is_of_other_family(&intake)) {
			intake.is_open |= opens(&intake, line);
			if (closes(&intake, line) && !*intake.closed.chain)
				intake.closed = intake.place;
		}
		rules += len;
		rules += *rules == '\n';
	}
	if (!*intake.closed.chain || intake.is_open)
		return false;
	format_command(&intake, of_ufw, command, size);
	return true;
}
