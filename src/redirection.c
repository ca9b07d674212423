#include "redirection.h"

#include <stdio.h>
#include <string.h>

#include "ruleset.h"

#define WORD_MAX_LEN 64
#define BLANKS " \t\n,{}"

/* Where in the rules the reader is. */
struct place {
	char chain[WORD_MAX_LEN];
	bool is_hooked;    /* it is the kernel that goes there */
	bool is_forgotten; /* nothing of these users gets so far down in it */
};

static bool
is_redirection(const char *line, size_t len, uint16_t port)
{
	char ports[WORD_MAX_LEN], target[WORD_MAX_LEN];

	if (ruleset_has_word(line, len, "udp") &&
	    !ruleset_has_word(line, len, "tcp"))
		return false;
	snprintf(ports, sizeof(ports), "--to-ports %u", port);
	snprintf(target, sizeof(target), ":%u", port);
	if (ruleset_has_word(line, len, ports))
		return true;
	return (ruleset_has_word(line, len, "redirect to") ||
		   ruleset_has_word(line, len, "dnat") ||
		   ruleset_has_word(line, len, "--to-destination")) &&
	    ruleset_has_word(line, len, target);
}

static bool
read_prefix(const char *word, size_t len, struct prefix *prefix)
{
	char text[WORD_MAX_LEN];
	bool masked;

	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, word, len);
	text[len] = '\0';
	return !prefix_parse(text, prefix, &masked);
}

static bool
is_within(const char *word, size_t len, const struct prefix *users)
{
	struct prefix prefix;

	return read_prefix(word, len, &prefix) &&
	    prefix_is_within(users, &prefix);
}

static bool
is_part(const char *word, size_t len, const struct prefix *users)
{
	struct prefix prefix;

	return read_prefix(word, len, &prefix) &&
	    prefix_is_within(&prefix, users);
}

/* Whether one of its words does. */
static bool
any(const char *line, size_t len, const struct prefix *users,
    bool (*fits)(const char *word, size_t len, const struct prefix *users))
{
	const char *end = line + len;

	while (line < end) {
		size_t word_len = strcspn(line, BLANKS);

		if (fits(line, word_len, users))
			return true;
		line += word_len + 1;
	}
	return false;
}

/* A rule that names sets elsewhere, or no source, is taken to mean all. */
static bool
covers(const char *line, size_t len, const struct prefix *users)
{
	if (memchr(line, '@', len) ||
	    ruleset_has_word(line, len, "--match-set") ||
	    (!ruleset_has_word(line, len, "saddr") &&
		!ruleset_has_word(line, len, "-s")))
		return true;
	if (ruleset_has_word(line, len, "saddr !=") ||
	    ruleset_has_word(line, len, "! -s"))
		return !any(line, len, users, is_within);
	return any(line, len, users, is_within);
}

static bool
is_one_of(const char *word, size_t len, const char *const *list)
{
	for (; *list; list++) {
		if (strlen(*list) == len && !memcmp(word, *list, len))
			return true;
	}
	return false;
}

/* All TCP of these users ends there: it asks for nothing but the source. */
static bool
takes_away(const char *line, size_t len, const struct prefix *users)
{
	static const char *const plain[] = { "ip", "ip6", "saddr", "meta",
		"l4proto", "tcp", "counter", "packets", "bytes", "-s", "-p",
		"-j", NULL };
	static const char *const verdicts[] = { "return", "accept", "RETURN",
		"ACCEPT", NULL };
	const char *end = line + len;
	bool ends = false;

	while (line < end) {
		size_t word_len = strcspn(line, BLANKS);
		bool is_verdict = is_one_of(line, word_len, verdicts);

		/* Numbers are of a counter. */
		if (!is_verdict && !is_one_of(line, word_len, plain) &&
		    strspn(line, "0123456789") < word_len &&
		    !is_within(line, word_len, users))
			return false;
		ends |= is_verdict;
		line += word_len + 1;
	}
	return ends;
}

/* Returns the rule itself. */
static const char *
follow(struct place *place, const char *line)
{
	char chain[WORD_MAX_LEN];
	int skipped = 0;

	if (sscanf(line, " chain %63[^ {]", chain) == 1 ||
	    sscanf(line, "-A %63s%n", chain, &skipped) == 1) {
		if (skipped == 0 || strcmp(chain, place->chain) != 0)
			*place = (struct place){ 0 };
		strcpy(place->chain, chain);
	} else if (*line == '*' || *line == '#') {
		/* Of another table. */
		*place = (struct place){ 0 };
	}
	if (ruleset_has_word(line, strcspn(line, "\n"), " hook") ||
	    (skipped > 0 &&
		(!strcmp(place->chain, "PREROUTING") ||
		    !strcmp(place->chain, "OUTPUT"))))
		place->is_hooked = true;
	return line + skipped;
}

static bool
leads_to(const char *line, size_t len, const char *chain)
{
	static const char *const verbs[] = { "jump", "goto", "-j", "-g", NULL };
	char words[WORD_MAX_LEN + 8];

	for (const char *const *verb = verbs; *verb; verb++) {
		snprintf(words, sizeof(words), "%s %s", *verb, chain);
		if (ruleset_has_word(line, len, words))
			return true;
	}
	return false;
}

/* Whether any rule that these users get to leads there. */
static bool
is_reached(const char *rules, const char *chain, const struct prefix *users)
{
	struct place place = { 0 };

	while (*rules) {
		size_t len = strcspn(rules, "\n");
		const char *end = rules + len, *rule = follow(&place, rules);

		len = (size_t)(end - rule);
		if (!place.is_forgotten && leads_to(rule, len, chain) &&
		    covers(rule, len, users))
			return true;
		place.is_forgotten |= takes_away(rule, len, users);
		rules = end + (*end == '\n');
	}
	return false;
}

/* *in_parts: a rule is about some of them only. */
static enum redirection
find_whole(const char *rules, uint16_t port, const struct prefix *users,
    bool *in_parts)
{
	enum redirection found = REDIRECTION_NONE;
	struct place place = { 0 };
	const char *all = rules;

	*in_parts = false;
	while (*rules) {
		size_t len = strcspn(rules, "\n");
		const char *end = rules + len, *rule = follow(&place, rules);

		len = (size_t)(end - rule);
		if (is_redirection(rule, len, port)) {
			*in_parts |= any(rule, len, users, is_part);
			if (!covers(rule, len, users))
				found = found ? found : REDIRECTION_OTHERS;
			else if (!place.is_forgotten &&
			    (place.is_hooked || !*place.chain ||
				is_reached(all, place.chain, users)))
				return REDIRECTION_ALL;
			else
				found = REDIRECTION_UNUSED;
		}
		place.is_forgotten |= takes_away(rule, len, users);
		rules = end + (*end == '\n');
	}
	return found;
}

/* Rules for parts of the users may add up to all of them. */
enum redirection
redirection_find(const char *rules, uint16_t port, const struct prefix *users)
{
	struct prefix halves[2];
	bool in_parts;
	enum redirection found = find_whole(rules, port, users, &in_parts);

	if (found != REDIRECTION_OTHERS || !in_parts ||
	    !prefix_split(users, halves))
		return found;
	found = redirection_find(rules, port, &halves[0]);
	return found == REDIRECTION_ALL
	    ? redirection_find(rules, port, &halves[1])
	    : found;
}
