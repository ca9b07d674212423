#include "firewall/iptables.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define WORDS_MAX 128
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define META(key) "{meta:{key:'" key "'}}"
#define CT(key) "{ct:{key:'" key "'}}"
#define ORIGINAL(key) "{ct:{key:'" key "',dir:'original'}}"
#define HEADER(field) "{payload:{protocol:'th',field:'" field "'}}"
#define TCP_FLAGS "{payload:{protocol:'tcp',field:'flags'}}"
#define FIB(flags) "{fib:{result:'type',flags:'" flags "'}}"
#define SOCKET(key) "{socket:{key:'" key "'}}"
#define MATCH(left, right) "{match:{op:'%!',left:" left ",right:" right "}},"
#define AND(left, mask) "{'&':[" left "," mask "]}"

/* Bits outside the mask stay; kept: the complement of the mask. */
#define SET_BITS(key, kept, value) \
	"{mangle:{key:" key ",value:{'^':[" AND(key, kept) "," value "]}}},"

/* A rule with this statement may match a packet or not; with this one, none. */
#define UNSURE "{limit:{}},"
#define NEVER MATCH("{payload:{protocol:'esp',field:'spi'}}", "0")

/*
 * Each option has a meaning in the form of libnftables-json(5). A context is
 * the match or target before the option: others may have an option of the same
 * name. "%" and a letter stand for a word behind the option:
 *
 *	%!	the operator, which "!" in front of the option negates
 *	%L %N	a list of values or ranges; the name of an interface
 *	%S	the whole match of states of connections
 *	%A	an address, port or both, as members of an object
 *	%W	the values of a socket's wildcard
 *	%R	a redirection, unless the word is an option for its port
 *	%f %F	the sum of the flags in the first or the second word
 *	%v %m	the number in front of "/" and the number behind it
 *	%n %c	the numbers of --nfmask and --ctmask
 *	%~	the complement of the number that the next letter stands for
 */
static const struct {
	const char *context, *option, *meaning;
	int word_count; /* behind the option */
} options[] = {
	{ NULL, "-s", MATCH(HEADER("saddr"), "%L"), 1 },
	{ NULL, "-d", MATCH(HEADER("daddr"), "%L"), 1 },
	{ NULL, "-i", MATCH(META("iifname"), "%N"), 1 },
	{ NULL, "-o", MATCH(META("oifname"), "%N"), 1 },
	{ NULL, "-p", MATCH(META("l4proto"), "%L"), 1 },
	{ NULL, "--sport", MATCH(HEADER("sport"), "%L"), 1 },
	{ NULL, "--dport", MATCH(HEADER("dport"), "%L"), 1 },
	{ NULL, "--sports", MATCH(HEADER("sport"), "%L"), 1 },
	{ NULL, "--dports", MATCH(HEADER("dport"), "%L"), 1 },
	{ NULL, "--src-range", MATCH(HEADER("saddr"), "%L"), 1 },
	{ NULL, "--dst-range", MATCH(HEADER("daddr"), "%L"), 1 },
	{ NULL, "--tcp-flags", MATCH(AND(TCP_FLAGS, "%f"), "%F"), 2 },
	{ "connmark", "--mark", MATCH(AND(CT("mark"), "%m"), "%v"), 1 },
	{ "mark", "--mark", MATCH(AND(META("mark"), "%m"), "%v"), 1 },
	{ NULL, "--ctstate", "%S", 1 },
	{ NULL, "--state", "%S", 1 },
	{ NULL, "--ctdir", MATCH(CT("direction"), "%L"), 1 },
	{ NULL, "--ctorigsrc", MATCH(ORIGINAL("saddr"), "%L"), 1 },
	{ NULL, "--ctorigdst", MATCH(ORIGINAL("daddr"), "%L"), 1 },
	{ NULL, "--ctorigsrcport", MATCH(ORIGINAL("proto-src"), "%L"), 1 },
	{ NULL, "--ctorigdstport", MATCH(ORIGINAL("proto-dst"), "%L"), 1 },
	{ NULL, "--src-type", MATCH(FIB("saddr"), "%L"), 1 },
	{ NULL, "--dst-type", MATCH(FIB("daddr"), "%L"), 1 },
	{ NULL, "--uid-owner", MATCH(META("skuid"), "%L"), 1 },
	{ NULL, "--gid-owner", MATCH(META("skgid"), "%L"), 1 },
	{ NULL, "--transparent", MATCH(SOCKET("transparent"), "1"), 0 },
	{ NULL, "--nowildcard", "", 0 },
	{ NULL, "--comment", "", 1 },
	/* "socket" matches any socket, but by default no wildcard listener. */
	{ "-m", "socket",
	    MATCH(SOCKET("transparent"), "{set:[0,1]}")
		MATCH(SOCKET("wildcard"), "%W"),
	    0 },
	/* No packet that we ask about has these headers. */
	{ "-m", "rt", NEVER, 0 },
	{ "-m", "frag", NEVER, 0 },
	{ "-m", "hbh", NEVER, 0 },
	{ "-m", "dst", NEVER, 0 },
	{ "MARK", "--set-xmark", SET_BITS(META("mark"), "%~m", "%v"), 1 },
	{ "CONNMARK", "--set-xmark", SET_BITS(CT("mark"), "%~m", "%v"), 1 },
	{ "CONNMARK", "--save-mark",
	    SET_BITS(CT("mark"), "%~c", AND(META("mark"), "%n")), 4 },
	{ "CONNMARK", "--restore-mark",
	    SET_BITS(META("mark"), "%~n", AND(CT("mark"), "%c")), 4 },
	{ "-j", "ACCEPT", "{accept:{}},", 0 },
	{ "-j", "DROP", "{drop:{}},", 0 },
	{ "-j", "REJECT", "{reject:{}},", 0 },
	{ "-j", "RETURN", "{return:{}},", 0 },
	{ "-j", "NOTRACK", "{notrack:{}},", 0 },
	{ "-j", "MASQUERADE", "{masquerade:{}},", 0 },
	{ "-j", "REDIRECT", "%R", 0 },
	{ "REDIRECT", "--to-ports", "{redirect:{%A}},", 1 },
	{ NULL, "--to-destination", "{dnat:{%A}},", 1 },
	{ NULL, "--to-source", "{snat:{%A}},", 1 },
	{ "CT", "--notrack", "{notrack:null},", 0 },
	{ "CT", "--zone", "{mangle:{key:" CT("zone") ",value:%v}},", 1 },
	{ "TPROXY", "--on-port", "{tproxy:{port:%v}},", 1 },
	{ "TPROXY", "--on-ip", "", 1 },
	{ "TPROXY", "--tproxy-mark",
	    SET_BITS(META("mark"), "%~m", "%v") "{accept:null}", 1 },
};

/* Matches that test nothing without the options above. */
static const char matches[] =
    "|tcp|udp|multiport|conntrack|state|mark|connmark|addrtype|comment|iprange|"
    "owner|";

/*
 * Targets that do not affect a packet's way, or that only their own options
 * describe. Others are chains, or unknown.
 */
static const char plain[] =
    "|LOG|NFLOG|ULOG|TRACE|AUDIT|CHECKSUM|CLASSIFY|CONNSECMARK|DSCP|ECN|HL|"
    "IDLETIMER|LED|RATEEST|SECMARK|SET|TCPMSS|TCPOPTSTRIP|TEE|TOS|TTL|MARK|"
    "CONNMARK|DNAT|SNAT|CT|TPROXY|";

static const struct {
	const char *word;
	unsigned number;
} numbers[] = { { "INVALID", 1 }, { "ESTABLISHED", 2 }, { "RELATED", 4 },
	{ "NEW", 8 }, { "UNTRACKED", 64 }, { "ORIGINAL", 0 }, { "REPLY", 1 },
	{ "UNSPEC", 0 }, { "UNICAST", 1 }, { "LOCAL", 2 }, { "BROADCAST", 3 },
	{ "ANYCAST", 4 }, { "MULTICAST", 5 }, { "BLACKHOLE", 6 },
	{ "UNREACHABLE", 7 }, { "PROHIBIT", 8 }, { "NONE", 0 }, { "FIN", 1 },
	{ "SYN", 2 }, { "RST", 4 }, { "PSH", 8 }, { "ACK", 16 }, { "URG", 32 },
	{ "ALL", 63 }, { "SNAT", 16 }, { "DNAT", 32 }, { "icmp", 1 },
	{ "tcp", 6 }, { "udp", 17 }, { "dccp", 33 }, { "gre", 47 },
	{ "esp", 50 }, { "ah", 51 }, { "ipv6-icmp", 58 }, { "icmpv6", 58 },
	{ "sctp", 132 }, { "udplite", 136 } };

static const struct {
	const char *table;
	int priority;
} tables[] = { { "raw", -300 }, { "mangle", -150 }, { "filter", 0 },
	{ "security", 50 }, { "nat", -100 } };

struct translation {
	FILE *out;
	const char *family, *table;
	const char *context; /* the last match or target */
	bool is_negated;
	char *words[WORDS_MAX + 1]; /* of a line; NULL ends them */
};

/* Splits at blanks outside quotes; \" is a literal quote. */
static void
split(struct translation *translation, char *line)
{
	size_t count = 0;

	while (count < WORDS_MAX && *(line += strspn(line, " "))) {
		char *end = translation->words[count++] = line;
		bool is_quoted = false;

		for (; *line && (is_quoted || *line != ' '); line++) {
			if (*line == '"') {
				is_quoted = !is_quoted;
				continue;
			}
			line += *line == '\\' && line[1];
			*end++ = *line;
		}
		line += *line != '\0';
		*end = '\0';
	}
	translation->words[count] = NULL;
}

/* Prints a name in quotes: it may contain any character but blanks. */
static void
print_text(FILE *out, const char *text)
{
	fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('\'', out);
}

static int
find_number(const char *word)
{
	for (size_t i = 0; i < COUNT(numbers); i++) {
		if (!strcmp(numbers[i].word, word))
			return (int)numbers[i].number;
	}
	return -1;
}

/* "80", "80:90" of ports, "192.0.2.1-192.0.2.9" or "LOCAL". */
static void
print_value(FILE *out, char *word)
{
	size_t digits = strspn(word, "0123456789");
	char *last = word[digits] == ':' && !strchr(word + digits + 1, ':')
	    ? word + digits
	    : strchr(word, '-');

	if (find_number(word) >= 0) {
		fprintf(out, "%d", find_number(word));
	} else if (last) {
		*last = '\0';
		fputs("{range:[", out);
		print_text(out, word);
		fputc(',', out);
		print_text(out, last + 1);
		fputs("]}", out);
	} else {
		print_text(out, word);
	}
}

static void
print_operator(const struct translation *translation, char *word)
{
	(void)word;
	fputs(translation->is_negated ? "!=" : "==", translation->out);
}

static void
print_wildcard(const struct translation *translation, char *word)
{
	fputs(strcmp(word, "--nowildcard") ? "0" : "{set:[0,1]}",
	    translation->out);
}

static void
print_redirect(const struct translation *translation, char *word)
{
	if (strcmp(word, "--to-ports") != 0)
		fputs("{redirect:{}},", translation->out);
}

static void
print_name(const struct translation *translation, char *name)
{
	size_t len = strlen(name);

	if (len > 0 && name[len - 1] == '+')
		name[len - 1] = '*';
	print_text(translation->out, name);
}

static void
print_list(const struct translation *translation, char *list)
{
	FILE *out = translation->out;
	char *rest, *word = strtok_r(list, ",", &rest);

	fputs("{set:[", out);
	for (; word; word = strtok_r(NULL, ",", &rest)) {
		print_value(out, word);
		fputc(',', out);
	}
	fputs("]}", out);
}

/* Returns the sum of the flags. */
static unsigned
read_flags(char *list)
{
	char *rest, *word = strtok_r(list, ",", &rest);
	unsigned flags = 0;

	for (; word; word = strtok_r(NULL, ",", &rest))
		flags |= (unsigned)find_number(word);
	return flags;
}

/* In nft, DNAT and SNAT are no states. Negated or mixed: unsure. */
static void
print_states(const struct translation *translation, char *list)
{
	bool has_status = strstr(list, "NAT");

	if (has_status &&
	    (translation->is_negated || strspn(list, "SDNAT,") < strlen(list)))
		fputs(UNSURE, translation->out);
	else
		fprintf(translation->out, "{match:{op:'%s',left:%s,right:%u}},",
		    translation->is_negated ? "!" : "in",
		    has_status ? CT("status") : CT("state"), read_flags(list));
}

/* to: "192.0.2.1:80", "[2001:db8::1]:80", "80", an address, or a range. */
static void
print_destination(const struct translation *translation, char *to)
{
	char *port = strrchr(to, ':'), *end = strchr(to, ']');

	if (!to[strspn(to, "0123456789-")])
		port = to;
	else if (end ? !port || port < end : strchr(to, ':') != port)
		port = NULL;
	if (port != to) {
		if (port)
			*port++ = '\0';
		if (end)
			*end = '\0';
		fputs("addr:", translation->out);
		print_value(translation->out, to + (*to == '['));
		fputc(',', translation->out);
	}
	if (port) {
		fputs("port:", translation->out);
		print_value(translation->out, port);
	}
}

/* Returns the word after the wanted word, or "" if there is none. */
static const char *
word_behind(char *const *words, const char *wanted)
{
	while (*words && strcmp(*words, wanted) != 0)
		words++;
	return *words && words[1] ? words[1] : "";
}

/* Reads "0x5/0xff". Without one of the numbers it is all ones. */
static uint32_t
read_number(const char *word, bool is_mask)
{
	if (is_mask)
		word = strchr(word, '/') ? strchr(word, '/') + 1 : "";
	return *word ? (uint32_t)strtoul(word, NULL, 0) : UINT32_MAX;
}

static uint32_t
find_option_number(char letter, char **words)
{
	const char *first = words[1] ? words[1] : "";

	switch (letter) {
	case 'f':
		return words[1] ? read_flags(words[1]) : 0;
	case 'F':
		return words[1] && words[2] ? read_flags(words[2]) : 0;
	case 'n':
		return read_number(word_behind(words, "--nfmask"), false);
	case 'c':
		return read_number(word_behind(words, "--ctmask"), false);
	default:
		return read_number(first, letter == 'm');
	}
}

/* The letters are described above. words[0] is the option. */
static void
print_word(const struct translation *translation, char letter, char **words)
{
	static const struct {
		char letter;
		void (*print)(
		    const struct translation *translation, char *word);
	} rows[] = { { '!', print_operator }, { 'L', print_list },
		{ 'N', print_name }, { 'S', print_states },
		{ 'A', print_destination }, { 'W', print_wildcard },
		{ 'R', print_redirect } };
	char none[] = "";

	for (size_t i = 0; i < COUNT(rows); i++) {
		if (rows[i].letter == letter) {
			rows[i].print(translation, words[1] ? words[1] : none);
			return;
		}
	}
	fprintf(
	    translation->out, "%" PRIu32, find_option_number(letter, words));
}

/* Returns the last word that it took, or NULL if it does not know the option. */
static char **
print_option(const struct translation *translation, char **words)
{
	size_t i = 0;

	while (i < COUNT(options) &&
	    (strcmp(options[i].option, *words) != 0 ||
		(options[i].context &&
		    strcmp(options[i].context, translation->context) != 0)))
		i++;
	if (i == COUNT(options))
		return NULL;
	for (const char *c = options[i].meaning; *c; c++) {
		if (*c != '%')
			fputc(*c, translation->out);
		else if (*++c == '~')
			fprintf(translation->out, "%" PRIu32,
			    ~find_option_number(*++c, words));
		else
			print_word(translation, *c, words);
	}
	for (int left = options[i].word_count; left > 0 && words[1]; left--)
		words++;
	return words;
}

static void
print_target(const struct translation *translation, char **words)
{
	if (print_option(translation, words) || text_lists(plain, *words))
		return;
	fprintf(translation->out, "{%s:{target:",
	    strcmp(translation->context, "-g") ? "jump" : "goto");
	print_text(translation->out, *words);
	fputs("}},", translation->out);
}

/* words: behind -A and the name of the chain. */
static void
print_statements(struct translation *translation, char **words)
{
	translation->context = "";
	for (; *words; words++) {
		char **last = NULL;

		translation->is_negated = !strcmp(*words, "!") && words[1];
		words += translation->is_negated;
		if (text_lists("|-m|-j|-g|", *words) && words[1]) {
			translation->context = *words++;
			if (strcmp(translation->context, "-m") != 0)
				print_target(translation, words);
			else if (!print_option(translation, words) &&
			    !text_lists(matches, *words))
				fputs(UNSURE, translation->out);
			translation->context = *words;
		} else if ((last = print_option(translation, words)))
			words = last;
		else
			fputs(UNSURE, translation->out);
	}
}

static void
print_place(const struct translation *translation, const char *kind,
    const char *key, const char *chain)
{
	fprintf(translation->out, "{%s:{family:'%s',table:", kind,
	    translation->family);
	print_text(translation->out, translation->table);
	fprintf(translation->out, ",%s:", key);
	print_text(translation->out, chain);
}

/* Reads ":INPUT DROP [0:0]"; user-defined chains have no policy. */
static void
print_chain(const struct translation *translation)
{
	const char *chain = translation->words[0] + 1;
	const char *policy = translation->words[1];
	size_t i = 0;

	print_place(translation, "chain", "name", chain);
	while (i + 1 < COUNT(tables) &&
	    strcmp(tables[i].table, translation->table) != 0)
		i++;
	if (policy && *policy != '-') {
		fprintf(translation->out,
		    ",type:'%s',prio:%d,policy:'%s',hook:'",
		    strcmp(translation->table, "nat") ? "filter" : "nat",
		    tables[i].priority,
		    strcmp(policy, "DROP") ? "accept" : "drop");
		fprintf(translation->out, "%s'", chain);
	}
	fputs("}},\n", translation->out);
}

static void
print_rule(struct translation *translation)
{
	print_place(translation, "rule", "chain", translation->words[1]);
	fputs(",expr:[", translation->out);
	print_statements(translation, translation->words + 2);
	fputs("]}},\n", translation->out);
}

char *
iptables_translate(const char *family, char *text)
{
	char *result = NULL, *rest, *line = strtok_r(text, "\n", &rest);
	size_t len = 0;
	struct translation translation = {
		.out = open_memstream(&result, &len),
		.family = family,
		.table = "",
	};

	if (!translation.out)
		return NULL;
	fputs("{nftables:[{metainfo:{}},\n", translation.out);
	for (; line; line = strtok_r(NULL, "\n", &rest)) {
		if (*line == '*') {
			translation.table = line + 1;
			continue;
		}
		split(&translation, line);
		if (*line == ':')
			print_chain(&translation);
		else if (!strcmp(line, "-A") && translation.words[1])
			print_rule(&translation);
	}
	fputs("]}\n", translation.out);
	return fclose(translation.out) ? NULL : result;
}
