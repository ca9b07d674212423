#include "firewall/ruleset.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CHUNK 65536
#define WORD_MAX_LEN 64

/* A tool that could look. */
#define READ_LINE "# that was all"

/*
 * One family a time: with the tables of iptables and ip6tables in one listing,
 * nft 1.0.6 has nothing in place of REDIRECT in those of the second.
 */
static const char command[] =
    "PATH=$PATH:/usr/sbin:/sbin\n"
    "for tool in 'nft list ruleset inet' 'nft list ruleset %s' \\\n"
    "\t%s-save %s-nft-save %s-legacy-save; do\n"
    "\techo \"" RULESET_TOOL "$tool\"\n"
    "\t$tool 2>/dev/null && echo '" READ_LINE "'\n"
    "done\n";

/* NULL when there is no memory. */
static char *
read_all(FILE *file)
{
	size_t len = 0, taken = 1;
	char *text = NULL;

	while (taken > 0) {
		char *larger = realloc(text, len + CHUNK + 1);

		if (!larger) {
			free(text);
			return NULL;
		}
		text = larger;
		taken = fread(text + len, 1, CHUNK, file);
		len += taken;
	}
	text[len] = '\0';
	return text;
}

char *
ruleset_read(int family)
{
	bool is_ipv4 = family == AF_INET;
	const char *name = is_ipv4 ? "iptables" : "ip6tables";
	char script[sizeof(command) + 4 * 16];
	char *text;
	FILE *file;

	snprintf(script, sizeof(script), command, is_ipv4 ? "ip" : "ip6", name,
	    name, name);
	/* Nothing in it is from outside. NOLINTNEXTLINE(cert-env33-c) */
	file = popen(script, "re");
	if (!file)
		return NULL;
	text = read_all(file);
	pclose(file);
	if (text && !strstr(text, READ_LINE)) {
		free(text);
		return NULL;
	}
	return text;
}

bool
ruleset_has_word(const char *text, size_t len, const char *word)
{
	size_t word_len = strlen(word);

	for (const char *next = text;
	     (next = memmem(next, len - (size_t)(next - text), word, word_len));
	     next++) {
		const char *end = next + word_len;

		if (end == text + len || !isalnum((unsigned char)*end))
			return true;
	}
	return false;
}

/*
 * Among the numbers from there to the end of the line; of a number and its
 * mask (0x5/0xff) the number counts. Others' marks, that are put back, may be
 * any.
 */
static bool
has_mark(const char *text, size_t len, uint32_t mark, uint32_t mask)
{
	if (ruleset_has_word(text, len, "ct mark"))
		return true;
	for (size_t i = 0; i < len; i++) {
		char *end;
		unsigned long value;

		if (!isdigit((unsigned char)text[i]) ||
		    (i > 0 &&
			(isalnum((unsigned char)text[i - 1]) ||
			    text[i - 1] == '/')))
			continue;
		value = strtoul(text + i, &end, 0);
		if (!isalnum((unsigned char)*end) &&
		    ((uint32_t)value & mask) == mark)
			return true;
	}
	return false;
}

/* Marks of connections are others: "ct mark set", CONNMARK. */
static bool
line_marks(const char *line, size_t len, uint32_t mark, uint32_t mask)
{
	static const char *const phrases[] = { "meta mark set ",
		"MARK --set-xmark ", "MARK --set-mark ", "--tproxy-mark ",
		NULL };

	if (ruleset_has_word(line, len, "--restore-mark"))
		return true;
	for (const char *const *phrase = phrases; *phrase; phrase++) {
		const char *found = memmem(line, len, *phrase, strlen(*phrase));

		if (found && (found == line || found[-1] != 'N') &&
		    has_mark(found, len - (size_t)(found - line), mark, mask))
			return true;
	}
	return false;
}

bool
ruleset_marks(const char *rules, uint32_t mark, uint32_t mask)
{
	while (*rules) {
		size_t len = strcspn(rules, "\n");

		if (line_marks(rules, len, mark, mask))
			return true;
		rules += len;
		rules += *rules == '\n';
	}
	return false;
}
