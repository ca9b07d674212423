#include "firewall/redirect.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "firewall/ruleset.h"

#define WORD_MAX_LEN 64
#define HEAD_MAX_LEN (2 * WORD_MAX_LEN)
#define BLANKS " \t\n,{}"

/* Where in the rules the reader is. */
struct place {
	char family[WORD_MAX_LEN]; /* "ip", "ip6"; others are for both */
	char chain[WORD_MAX_LEN];
	bool is_hooked;    /* it is the kernel that goes there */
	bool is_output;    /* with what this host sends itself */
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

/* As the kernel's tools have it, with "*" or "+" for any ending. */
static bool
is_interface(const char *word, size_t len, const char *interface)
{
	if (len > 2 && *word == '"') {
		word++;
		len -= 2;
	}
	if (len > 0 && (word[len - 1] == '*' || word[len - 1] == '+'))
		return !strncmp(word, interface, len - 1);
	return strlen(interface) == len && !memcmp(word, interface, len);
}

/* A rule that names no interface is for all; interface: NULL if not known. */
static bool
covers_interface(const char *line, size_t len, const char *interface)
{
	static const char *const except[] = { "iifname !=", "iif !=", "! -i",
		NULL };
	const char *end = line + len;
	bool is_there = false, is_negated = false;

	if (!interface || memchr(line, '@', len) ||
	    (!ruleset_has_word(line, len, "iifname") &&
		!ruleset_has_word(line, len, "iif") &&
		!ruleset_has_word(line, len, "-i")))
		return true;
	for (const char *const *words = except; *words; words++)
		is_negated |= ruleset_has_word(line, len, *words);
	while (line < end) {
		size_t word_len = strcspn(line, BLANKS);

		is_there |= is_interface(line, word_len, interface);
		line += word_len + 1;
	}
	return is_there != is_negated;
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

static const char *const passes[] = { "return", "accept", "RETURN", "ACCEPT",
	NULL };
static const char *const untracked[] = { "notrack", "NOTRACK", "--notrack",
	NULL };

/* All TCP of these users ends there: it asks for nothing but the source. */
static bool
takes(const char *line, size_t len, const struct prefix *users,
    const char *const *verdicts)
{
	static const char *const plain[] = { "ip", "ip6", "saddr", "meta",
		"l4proto", "tcp", "counter", "packets", "bytes", "-s", "-p",
		"-j", "CT", NULL };
	static const char *const counts[] = { "packets", "bytes", NULL };
	const char *end = line + len;
	bool ends = false, is_count = false;

	while (line < end) {
		size_t word_len = strcspn(line, BLANKS);
		bool is_verdict = is_one_of(line, word_len, verdicts);

		if (word_len > 0 && !is_count && !is_verdict &&
		    !is_one_of(line, word_len, plain) &&
		    !is_within(line, word_len, users))
			return false;
		ends |= is_verdict;
		is_count = is_one_of(line, word_len, counts);
		line += word_len + 1;
	}
	return ends;
}

static void
enter_table(struct place *place, const char *family)
{
	*place = (struct place){ 0 };
	strcpy(place->family, family);
}

static void
enter_chain(struct place *place, const char *chain)
{
	char family[WORD_MAX_LEN];

	strcpy(family, place->family);
	enter_table(place, family);
	strcpy(place->chain, chain);
}

/* Returns the rule itself. */
static const char *
follow(struct place *place, const char *line)
{
	size_t len = strcspn(line, "\n");
	char head[HEAD_MAX_LEN], word[WORD_MAX_LEN];
	int skipped = 0;

	/* sscanf(3) would read all that there is to its end. */
	snprintf(head, sizeof(head), "%.*s",
	    (int)(len < sizeof(head) ? len : sizeof(head) - 1), line);
	if (sscanf(head, "table %63s", word) == 1)
		enter_table(place, word);
	else if (*line == '*' || *line == '#')
		enter_table(place, "");
	else if (sscanf(head, " chain %63[^ {]", word) == 1 ||
	    (sscanf(head, "-A %63s%n", word, &skipped) == 1 &&
		strcmp(word, place->chain) != 0))
		enter_chain(place, word);
	if (skipped > 0 || ruleset_has_word(line, len, " hook")) {
		place->is_output = !strcmp(place->chain, "OUTPUT") ||
		    ruleset_has_word(line, len, " hook output");
		place->is_hooked = place->is_output || skipped == 0 ||
		    !strcmp(place->chain, "PREROUTING");
	}
	return line + skipped;
}

/* What is read, and the rule that it is at. */
struct reader {
	const char *rest;
	struct place place;
	const char *rule;
	size_t len;
};

/* Those of the users' family; false: there are no more. */
static bool
read_rule(struct reader *reader, const struct prefix *users)
{
	const char *other = users->base.any.sa_family == AF_INET ? "ip6" : "ip";

	while (*reader->rest) {
		const char *line = reader->rest, *end = strchr(line, '\n');

		end = end ? end : line + strlen(line);
		reader->rest = end + (*end == '\n');
		reader->rule = follow(&reader->place, line);
		reader->len = (size_t)(end - reader->rule);
		if (strcmp(reader->place.family, other) != 0)
			return true;
	}
	return false;
}

/* To be said when the rule was looked at. */
static void
forget(struct reader *reader, const struct prefix *users)
{
	reader->place.is_forgotten |=
	    takes(reader->rule, reader->len, users, passes);
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
	struct reader reader = { .rest = rules };

	while (read_rule(&reader, users)) {
		if (!reader.place.is_forgotten &&
		    leads_to(reader.rule, reader.len, chain) &&
		    covers(reader.rule, reader.len, users))
			return true;
		forget(&reader, users);
	}
	return false;
}

/* Redirecting is the tracking's work. */
static bool
is_untracked(const char *rules, const struct prefix *users)
{
	struct reader reader = { .rest = rules };

	while (read_rule(&reader, users)) {
		if (!reader.place.is_forgotten && reader.place.is_hooked &&
		    !reader.place.is_output &&
		    takes(reader.rule, reader.len, users, untracked))
			return true;
		forget(&reader, users);
	}
	return false;
}

/* What comes in by a link is not sent by this host. */
static bool
is_entered(const struct place *place, const char *interface)
{
	return place->is_hooked && !(place->is_output && interface);
}

/* *in_parts: a rule is about some of them only. */
static enum redirection
find_whole(const char *rules, uint16_t port, const struct prefix *users,
    const char *interface, bool *in_parts)
{
	enum redirection found = REDIRECTION_NONE;
	struct reader reader = { .rest = rules };

	*in_parts = false;
	for (; read_rule(&reader, users); forget(&reader, users)) {
		const struct place *place = &reader.place;

		if (!is_redirection(reader.rule, reader.len, port))
			continue;
		*in_parts |= any(reader.rule, reader.len, users, is_part);
		if (!covers(reader.rule, reader.len, users) ||
		    !covers_interface(reader.rule, reader.len, interface))
			found = found ? found : REDIRECTION_OTHERS;
		else if (!place->is_forgotten &&
		    (is_entered(place, interface) || !*place->chain ||
			is_reached(rules, place->chain, users)))
			return REDIRECTION_ALL;
		else
			found = REDIRECTION_UNUSED;
	}
	return found;
}

/* Rules for parts of the users may add up to all of them. */
static enum redirection
find_parts(const char *rules, uint16_t port, const struct prefix *users,
    const char *interface)
{
	struct prefix halves[2];
	bool in_parts;
	enum redirection found =
	    find_whole(rules, port, users, interface, &in_parts);

	if (found != REDIRECTION_OTHERS || !in_parts ||
	    !prefix_split(users, halves))
		return found;
	/* Which may come in by a link each. */
	found = find_parts(rules, port, &halves[0], NULL);
	return found == REDIRECTION_ALL
	    ? find_parts(rules, port, &halves[1], NULL)
	    : found;
}

enum redirection
redirect_find(const char *rules, uint16_t port, const struct prefix *users,
    const char *interface)
{
	enum redirection found = find_parts(rules, port, users, interface);

	return found == REDIRECTION_ALL && is_untracked(rules, users)
	    ? REDIRECTION_UNTRACKED
	    : found;
}
