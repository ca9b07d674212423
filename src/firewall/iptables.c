#include "firewall/iptables.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

#define WORDS_MAX 128
#define META(key) "{meta:{key:'" key "'}}"
#define CT(key) "{ct:{key:'" key "'}}"
#define ORIGINAL(key) "{ct:{key:'" key "',dir:'original'}}"
#define HEADER(field) "{payload:{protocol:'th',field:'" field "'}}"
#define TCP_FLAGS "{payload:{protocol:'tcp',field:'flags'}}"
#define FIB(flags) "{fib:{result:'type',flags:'" flags "'}}"
#define SOCKET(key) "{socket:{key:'" key "'}}"
#define MATCH(left, right) "{match:{op:'%!',left:" left ",right:" right "}},"
#define STATES "{match:{op:'%?',left:" CT("xt state") ",right:%f}},"
#define AND(left, mask) "{'&':[" left "," mask "]}"

/* Bits outside the mask stay. */
#define SET_BITS(key, mask, value)               \
	"{mangle:{key:" key ",value:{'^':[" AND( \
	    key, "{'^':[" mask ",4294967295]}") "," value "]}}},"

/* A rule with this statement may match a packet or not; with this one, none. */
#define UNSURE "{limit:{}},"
#define NEVER MATCH("{payload:{protocol:'esp',field:'spi'}}", "0")

/*
 * The meaning of options, in the form of libnftables-json(5). A context is the
 * match or target before the option: others may have an option of the same
 * name. "%" and a letter stand for a word behind the option:
 *
 *	%! %?	the operator for values or for flags, which "!" negates
 *	%L %N	a list of values or ranges; the name of an interface
 *	%f %F	the sum of the flags in the first or the second word
 *	%A	behind "--to...": an address, port or both, as members
 *	%v %m	the number in front of "/" and the number behind it
 *	%n %c	the numbers of --nfmask and --ctmask
 */
static const struct {
	const char *context, *names, *meaning;
	int word_count; /* behind the option */
} options[] = {
	{ NULL, "|-s|--src-range|", MATCH(HEADER("saddr"), "%L"), 1 },
	{ NULL, "|-d|--dst-range|", MATCH(HEADER("daddr"), "%L"), 1 },
	{ NULL, "|-i|", MATCH(META("iifname"), "%N"), 1 },
	{ NULL, "|-o|", MATCH(META("oifname"), "%N"), 1 },
	{ NULL, "|-p|", MATCH(META("l4proto"), "%L"), 1 },
	{ NULL, "|--sport|--sports|", MATCH(HEADER("sport"), "%L"), 1 },
	{ NULL, "|--dport|--dports|", MATCH(HEADER("dport"), "%L"), 1 },
	{ NULL, "|--tcp-flags|", MATCH(AND(TCP_FLAGS, "%f"), "%F"), 2 },
	{ "connmark", "|--mark|", MATCH(AND(CT("mark"), "%m"), "%v"), 1 },
	{ "mark", "|--mark|", MATCH(AND(META("mark"), "%m"), "%v"), 1 },
	{ NULL, "|--ctstate|--state|", STATES, 1 },
	{ NULL, "|--ctdir|", MATCH(CT("direction"), "%L"), 1 },
	{ NULL, "|--ctorigsrc|", MATCH(ORIGINAL("saddr"), "%L"), 1 },
	{ NULL, "|--ctorigdst|", MATCH(ORIGINAL("daddr"), "%L"), 1 },
	{ NULL, "|--ctorigsrcport|", MATCH(ORIGINAL("proto-src"), "%L"), 1 },
	{ NULL, "|--ctorigdstport|", MATCH(ORIGINAL("proto-dst"), "%L"), 1 },
	{ NULL, "|--src-type|", MATCH(FIB("saddr"), "%L"), 1 },
	{ NULL, "|--dst-type|", MATCH(FIB("daddr"), "%L"), 1 },
	{ NULL, "|--uid-owner|", MATCH(META("skuid"), "%L"), 1 },
	{ NULL, "|--gid-owner|", MATCH(META("skgid"), "%L"), 1 },
	{ NULL, "|--transparent|", MATCH(SOCKET("transparent"), "1"), 0 },
	{ NULL, "|--nowildcard|", "", 0 },
	{ NULL, "|--comment|", "", 1 },
	/* "socket" matches any socket, but by default no wildcard listener. */
	{ "-m", "|socket|",
	    MATCH(SOCKET("transparent"), "{set:[0,1]}")
		MATCH(SOCKET("wildcard"), "0"),
	    0 },
	/* No packet that we ask about has these headers. */
	{ "-m", "|rt|frag|hbh|dst|", NEVER, 0 },
	{ "MARK", "|--set-xmark|", SET_BITS(META("mark"), "%m", "%v"), 1 },
	{ "CONNMARK", "|--set-xmark|", SET_BITS(CT("mark"), "%m", "%v"), 1 },
	{ "CONNMARK", "|--save-mark|",
	    SET_BITS(CT("mark"), "%c", AND(META("mark"), "%n")), 4 },
	{ "CONNMARK", "|--restore-mark|",
	    SET_BITS(META("mark"), "%n", AND(CT("mark"), "%c")), 4 },
	{ "-j", "|ACCEPT|", "{accept:{}},", 0 },
	{ "-j", "|DROP|", "{drop:{}},", 0 },
	{ "-j", "|REJECT|", "{reject:{}},", 0 },
	{ "-j", "|RETURN|", "{return:{}},", 0 },
	{ "-j", "|NOTRACK|", "{notrack:{}},", 0 },
	{ "-j", "|MASQUERADE|", "{masquerade:{%A}},", 0 },
	{ "-j", "|REDIRECT|", "{redirect:{%A}},", 0 },
	{ "-j", "|DNAT|", "{dnat:{%A}},", 0 },
	{ "-j", "|SNAT|", "{snat:{%A}},", 0 },
	/* This one rewrites the source or the destination, as the hook is. */
	{ "-j", "|NETMAP|", "{netmap:{}},", 0 },
	{ "NETMAP", "|--to|", "", 1 },
	{ "CT", "|--notrack|", "{notrack:null},", 0 },
	{ "CT", "|--zone|", "{mangle:{key:" CT("zone") ",value:%v}},", 1 },
	{ "TPROXY", "|--on-port|", "{tproxy:{port:%v}},", 1 },
	{ "TPROXY", "|--on-ip|", "", 1 },
	{ "TPROXY", "|--tproxy-mark|",
	    SET_BITS(META("mark"), "%m", "%v") "{accept:null}", 1 },
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
    "CONNMARK|CT|TPROXY|";

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

/* Splits at blanks outside quotes; \" is a literal quote. Drops "'". */
static void
split(struct translation *translation, char *line)
{
	size_t count = 0;

	while (count < WORDS_MAX && *(line += strspn(line, " "))) {
		char *end = translation->words[count++] = line;
		bool is_quoted = false;

		for (; *line && (is_quoted || *line != ' '); line++) {
			is_quoted ^= *line == '"';
			line += *line == '\\' && line[1];
			if (!strchr("\"'\\", *line))
				*end++ = *line;
		}
		line += *line != '\0';
		*end = '\0';
	}
	translation->words[count] = NULL;
}

/* "80", "80:90" of ports, "192.0.2.1-192.0.2.9", or "LOCAL", a number. */
static void
print_value(FILE *out, const char *word)
{
	size_t digits = strspn(word, "0123456789"), first = strcspn(word, "-");
	size_t i = 0;

	if (word[digits] == ':' && !strchr(word + digits + 1, ':'))
		first = digits;
	while (i < COUNT(numbers) && strcmp(numbers[i].word, word) != 0)
		i++;
	if (i < COUNT(numbers))
		fprintf(out, "%u,", numbers[i].number);
	else if (word[first])
		fprintf(out, "{range:['%.*s','%s']},", (int)first, word,
		    word + first + 1);
	else
		fprintf(out, "'%s',", word);
}

static void
print_list(FILE *out, char *list)
{
	char *rest, *word = strtok_r(list, ",", &rest);

	fputc('[', out);
	for (; word; word = strtok_r(NULL, ",", &rest))
		print_value(out, word);
	fputc(']', out);
}

/* to: "192.0.2.1:80", "[2001:db8::1]:80", "80", an address, or a range. */
static void
print_destination(FILE *out, char *to)
{
	char *colon = strrchr(to, ':'), *port = colon ? colon + 1 : to;

	if (port[strspn(port, "0123456789-")] ||
	    (*to != '[' && strchr(to, ':') != colon))
		port = NULL;
	if (port) {
		fputs("port:", out);
		print_value(out, port);
	}
	if (port == to)
		return;
	if (port)
		*colon = '\0';
	to += *to == '[';
	to[strcspn(to, "]")] = '\0';
	fputs("addr:", out);
	print_value(out, to);
}

/* Prints the number behind the separator, or all ones if there is none. */
static void
print_number(FILE *out, const char *word, const char *separator)
{
	const char *number = strstr(word, separator);

	number = number ? number + strlen(separator) : "0xffffffff";
	fprintf(out, "%lu", strtoul(number, NULL, 0) & 0xffffffff);
}

/* The letters are described above. words[0] is the option. */
static void
print_word(const struct translation *translation, char letter, char **words)
{
	char none[] = "", *word[5] = { none, none, none, none, none };
	FILE *out = translation->out;
	size_t len;
	bool is_any;

	for (size_t i = 0; i < COUNT(word) && words[i]; i++)
		word[i] = words[i];
	switch (letter) {
	case '!':
		fputs(translation->is_negated ? "!=" : "==", out);
		break;
	case '?':
		fputs(translation->is_negated ? "!" : "in", out);
		break;
	case 'L':
		fputs("{set:", out);
		print_list(out, word[1]);
		fputc('}', out);
		break;
	case 'N':
		len = strlen(word[1]);
		is_any = len > 0 && word[1][len - 1] == '+';
		fprintf(out, "'%.*s%s'", (int)len - is_any, word[1],
		    is_any ? "*" : "");
		break;
	case 'f':
	case 'F':
		print_list(out, word[letter == 'f' ? 1 : 2]);
		break;
	case 'A':
		if (!strncmp(word[1], "--to-", 5))
			print_destination(out, word[2]);
		break;
	case 'm':
		print_number(out, word[1], "/");
		break;
	default:
		print_number(out,
		    word[letter == 'v'      ? 1
			    : letter == 'n' ? 2
					    : 4],
		    "");
	}
}

/* Returns the last word that it took, or NULL if it does not know the option. */
static char **
print_option(const struct translation *translation, char **words)
{
	size_t i = 0;

	while (i < COUNT(options) &&
	    (!text_lists(options[i].names, *words) ||
		(options[i].context &&
		    strcmp(options[i].context, translation->context) != 0)))
		i++;
	if (i == COUNT(options))
		return NULL;
	for (const char *c = options[i].meaning; *c; c++) {
		if (*c == '%')
			print_word(translation, *++c, words);
		else
			fputc(*c, translation->out);
	}
	for (int left = options[i].word_count; left > 0 && words[1]; left--)
		words++;
	return words;
}

/* words: behind -A and the name of the chain. */
static void
print_statements(struct translation *translation, char **words)
{
	translation->context = "";
	for (; *words; words++) {
		bool is_name = text_lists("|-m|-j|-g|", *words) && words[1];
		const char *kind = *words;
		char **last;

		if (!strcmp(kind, "!")) {
			translation->is_negated = true;
			continue;
		}
		if (is_name)
			translation->context = *words++;
		last = print_option(translation, words);
		if (is_name && kind[1] != 'm') {
			if (!last && !text_lists(plain, *words))
				fprintf(translation->out, "{%s:{target:'%s'}},",
				    kind[1] == 'g' ? "goto" : "jump", *words);
		} else if (!last && !(is_name && text_lists(matches, *words))) {
			fputs(UNSURE, translation->out);
		}
		if (is_name)
			translation->context = *words;
		words = last ? last : words;
		translation->is_negated = false;
	}
}

/* Reads ":INPUT DROP [0:0]"; user-defined chains have no policy. */
static void
print_chain(const struct translation *translation)
{
	const char *policy = translation->words[1];
	size_t i = 0;

	while (i + 1 < COUNT(tables) &&
	    strcmp(tables[i].table, translation->table) != 0)
		i++;
	fprintf(translation->out,
	    "{chain:{family:'%s',table:'%s',name:'%s',type:'%s',prio:%d,",
	    translation->family, translation->table, translation->words[0] + 1,
	    strcmp(translation->table, "nat") ? "filter" : "nat",
	    tables[i].priority);
	if (policy && *policy != '-')
		fprintf(translation->out, "policy:'%s',hook:'%s'", policy,
		    translation->words[0] + 1);
	fputs("}},\n", translation->out);
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
		else if (!strcmp(line, "-A") && translation.words[1]) {
			fprintf(translation.out,
			    "{rule:{family:'%s',table:'%s',chain:'%s',expr:[",
			    family, translation.table, translation.words[1]);
			print_statements(&translation, translation.words + 2);
			fputs("]}},\n", translation.out);
		}
	}
	fputs("]}\n", translation.out);
	return fclose(translation.out) ? NULL : result;
}
