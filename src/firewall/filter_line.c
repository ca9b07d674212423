#include "firewall/filter_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/ruleset.h"

#define WORD_MAX_LEN 64

static bool
has(const char *line, const char *word)
{
	return ruleset_has_word(line, strlen(line), word);
}

/* What keeps nothing out, and says anything: up to that word, and so many more. */
static void
cut(char *line, const char *word, int values)
{
	char *begin = line, *end;

	while ((begin = strstr(begin, word)) && begin > line &&
	    !strchr(" \t", begin[-1]))
		begin++;
	if (!begin)
		return;
	for (end = begin + strlen(word); values > 0 && *end; values--) {
		if (*end == '"')
			end += 1 + strcspn(end + 1, "\"");
		end += strcspn(end, " ");
		end += strspn(end, " ");
	}
	memmove(begin, end, strlen(end) + 1);
}

void
filter_line_tidy(char *line)
{
	static const struct {
		const char *word;
		int values;
	} comments[] = { { "-m comment --comment ", 1 }, { "comment ", 1 },
		{ "--log-prefix ", 1 }, { "log prefix ", 1 }, { "log ", 0 },
		{ "level ", 1 }, { "counter packets ", 3 } };

	for (size_t i = 0; i < sizeof(comments) / sizeof(*comments); i++)
		cut(line, comments[i].word, comments[i].values);
}

/* Not in a name, as that of a chain. */
bool
filter_line_has(const char *line, const char *word)
{
	size_t len = strlen(word);

	for (const char *next = line; (next = strstr(next, word)); next++) {
		if ((next == line || strchr(FILTER_LINE_BLANKS, next[-1])) &&
		    strchr(FILTER_LINE_BLANKS ";", next[len]))
			return true;
	}
	return false;
}

bool
filter_line_is_unconditional(const char *line)
{
	char chain[WORD_MAX_LEN];
	int skipped = 0;

	if (sscanf(line, "-A %63s -j%n", chain, &skipped) == 1 && skipped > 0)
		return true;
	line += strspn(line, " \t");
	return !strncmp(line, "drop", 4) || !strncmp(line, "reject", 6) ||
	    !strncmp(line, "accept", 6);
}

/* Such as "{ 22, 9000-9100 }" and, of iptables, "22,9000:9100". */
static bool
names_port(const char *line, unsigned port)
{
	const char *word = strstr(line, "dport");
	bool is_named = false;

	if (!word)
		return false;
	while (*(word += strcspn(word, FILTER_LINE_BLANKS))) {
		unsigned long first, last;
		char *end;

		word += strspn(word, FILTER_LINE_BLANKS);
		first = last = strtoul(word, &end, 10);
		if (end == word)
			continue;
		if (*end == '-' || *end == ':')
			last = strtoul(end + 1, NULL, 10);
		is_named |= first <= port && port <= last;
	}
	return is_named;
}

bool
filter_line_is_about_port(const char *line, uint16_t port)
{
	bool is_other = strstr(line, "dport !=") || strstr(line, "! --dport");

	return strstr(line, "dport") &&
	    (has(line, "tcp") || !has(line, "udp")) &&
	    names_port(line, port) != is_other;
}

bool
filter_line_drops(const char *line)
{
	return filter_line_has(line, "drop") ||
	    filter_line_has(line, "reject") || filter_line_has(line, "DROP") ||
	    filter_line_has(line, "REJECT");
}

bool
filter_line_accepts(const char *line)
{
	return (filter_line_has(line, "accept") ||
		   filter_line_has(line, "ACCEPT")) &&
	    *line != ':' && !has(line, "policy accept");
}

bool
filter_line_names_set(const char *line)
{
	const char *word = strstr(line, "dport ");

	return word && !strchr("0123456789{!", word[strlen("dport ")]) &&
	    strchr(word, '@');
}

bool
filter_line_is_about_some(const char *line)
{
	/* Interfaces are in quotes. */
	return strstr(line, "saddr") || strchr(line, '"') ||
	    strstr(line, " -s ") || strstr(line, " -i ");
}

static bool
has_any(const char *line, const char *const *words)
{
	for (; *words; words++) {
		if (has(line, *words))
			return true;
	}
	return false;
}

static bool
is_of_other_protocol(const char *line)
{
	static const char *const words[] = { "udp", "icmp", "icmpv6", "l4proto",
		"protocol", "nexthdr", "-p", NULL };
	static const char *const places[] = { "sport", "--sport", "oifname",
		"oif", "-o", NULL };

	return (!has(line, "tcp") && has_any(line, words)) ||
	    has_any(line, places);
}

/* Among others, what comes in is taken by what it is for them. */
static bool
is_of_loopback(const char *line)
{
	const char *verdict = strstr(line, "accept");

	if (strstr(line, "\"lo\" : accept"))
		return !strstr(verdict + 1, "accept");
	return (has(line, "\"lo\"") || has(line, "-i lo")) &&
	    !strchr(line, ',');
}

static bool
is_multicast(const char *line)
{
	return strstr(line, "daddr 224.") || strstr(line, "-d 224.") ||
	    strstr(line, "daddr ff0") || strstr(line, "-d ff0");
}

bool
filter_line_is_about_others(const char *line)
{
	return (strcasestr(line, "established") && !strcasestr(line, "new")) ||
	    is_of_other_protocol(line) || is_of_loopback(line) ||
	    is_multicast(line);
}
