#include "firewall/iptables.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 128
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

#define MARK "{meta:{key:'mark'}}"
#define CT_MARK "{ct:{key:'mark'}}"
#define STATE "{ct:{key:'state'}}"
#define STATUS "{ct:{key:'status'}}"
#define SADDR "{payload:{protocol:'th',field:'saddr'}}"
#define DADDR "{payload:{protocol:'th',field:'daddr'}}"
#define SPORT "{payload:{protocol:'th',field:'sport'}}"
#define DPORT "{payload:{protocol:'th',field:'dport'}}"
#define ORIGINAL(key) "{ct:{key:'" key "',dir:'original'}}"
#define TCP_FLAGS "{payload:{protocol:'tcp',field:'flags'}}"

/* A rule with this statement may match a packet or not. */
#define UNSURE "{limit:{}},"

enum form {
	FORM_LIST, /* of words or ranges */
	FORM_NAME, /* of an interface */
	FORM_MASKED,
	FORM_FLAGS, /* a mask, and the flags set in it */
	FORM_STATES,
	FORM_TRUE, /* no argument */
};

/* match: the option's match, if other matches have the same option. */
static const struct {
	const char *match, *option, *left;
	enum form form;
} options[] = {
	{ NULL, "-s", SADDR, FORM_LIST },
	{ NULL, "-d", DADDR, FORM_LIST },
	{ NULL, "-i", "{meta:{key:'iifname'}}", FORM_NAME },
	{ NULL, "-o", "{meta:{key:'oifname'}}", FORM_NAME },
	{ NULL, "-p", "{meta:{key:'l4proto'}}", FORM_LIST },
	{ NULL, "--sport", SPORT, FORM_LIST },
	{ NULL, "--dport", DPORT, FORM_LIST },
	{ NULL, "--sports", SPORT, FORM_LIST },
	{ NULL, "--dports", DPORT, FORM_LIST },
	{ NULL, "--src-range", SADDR, FORM_LIST },
	{ NULL, "--dst-range", DADDR, FORM_LIST },
	{ NULL, "--tcp-flags", TCP_FLAGS, FORM_FLAGS },
	{ "connmark", "--mark", CT_MARK, FORM_MASKED },
	{ "mark", "--mark", MARK, FORM_MASKED },
	{ NULL, "--ctstate", STATE, FORM_STATES },
	{ NULL, "--state", STATE, FORM_STATES },
	{ NULL, "--ctdir", "{ct:{key:'direction'}}", FORM_LIST },
	{ NULL, "--ctorigsrc", ORIGINAL("saddr"), FORM_LIST },
	{ NULL, "--ctorigdst", ORIGINAL("daddr"), FORM_LIST },
	{ NULL, "--ctorigsrcport", ORIGINAL("proto-src"), FORM_LIST },
	{ NULL, "--ctorigdstport", ORIGINAL("proto-dst"), FORM_LIST },
	{ NULL, "--src-type", "{fib:{result:'type',flags:'saddr'}}",
	    FORM_LIST },
	{ NULL, "--dst-type", "{fib:{result:'type',flags:'daddr'}}",
	    FORM_LIST },
	{ NULL, "--uid-owner", "{meta:{key:'skuid'}}", FORM_LIST },
	{ NULL, "--gid-owner", "{meta:{key:'skgid'}}", FORM_LIST },
	{ NULL, "--transparent", "{socket:{key:'transparent'}}", FORM_TRUE },
};

/* Matches that test nothing without the options above. */
static const char *const matches[] = { "tcp", "udp", "multiport", "conntrack",
	"state", "mark", "connmark", "addrtype", "comment", "iprange", "owner",
	"socket" };

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

/* Targets whose statement in nft has the same name. */
static const char *const targets[] = { "ACCEPT", "DROP", "REJECT", "RETURN",
	"MASQUERADE", "NOTRACK", "LOG" };

/* Targets that do not affect a packet's way. Others: chains, or unknown. */
static const char *const harmless[] = { "NFLOG", "ULOG", "TRACE", "AUDIT",
	"CHECKSUM", "CLASSIFY", "CONNSECMARK", "DSCP", "ECN", "HL", "IDLETIMER",
	"LED", "RATEEST", "SECMARK", "SET", "TCPMSS", "TCPOPTSTRIP", "TEE",
	"TOS", "TTL" };

/* nft writes them in small letters. */
static const char *const hooks[] = { "PREROUTING", "INPUT", "FORWARD", "OUTPUT",
	"POSTROUTING" };

static const struct {
	const char *table;
	int priority;
} tables[] = { { "raw", -300 }, { "mangle", -150 }, { "filter", 0 },
	{ "security", 50 }, { "nat", -100 } };

struct translation {
	FILE *out;
	const char *family, *table;
	char *words[WORDS_MAX + 1]; /* of a line; NULL ends them */
};

static bool
is_among(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

static void
print_lower(FILE *out, const char *text)
{
	for (; *text; text++)
		fputc(tolower((unsigned char)*text), out);
}

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

static void
print_name(FILE *out, char *name)
{
	size_t len = strlen(name);

	if (len > 0 && name[len - 1] == '+')
		name[len - 1] = '*';
	print_text(out, name);
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
begin_match(FILE *out, const char *op, bool is_negated, const char *left)
{
	fprintf(out, "{match:{op:'%s',left:%s,right:", is_negated ? "!=" : op,
	    left);
}

static void
print_list(FILE *out, char *list)
{
	char *rest, *word = strtok_r(list, ",", &rest);

	fputs("{set:[", out);
	for (; word; word = strtok_r(NULL, ",", &rest)) {
		print_value(out, word);
		fputc(',', out);
	}
	fputs("]}}},", out);
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
print_states(FILE *out, bool is_negated, char *list)
{
	bool has_status = strstr(list, "NAT");

	if (has_status && (is_negated || strspn(list, "SDNAT,") < strlen(list)))
		fputs(UNSURE, out);
	else if (has_status)
		fprintf(out, "{match:{op:'in',left:" STATUS ",right:%u}},",
		    read_flags(list));
	else {
		begin_match(out, "==", is_negated, STATE);
		print_list(out, list);
	}
}

/* Reads "0x5/0xff". Returns the mask. */
static uint32_t
read_mask(const char *word, uint32_t *value)
{
	char *end = NULL;

	*value = word ? (uint32_t)strtoul(word, &end, 0) : 0;
	return end && *end == '/' ? (uint32_t)strtoul(end + 1, NULL, 0)
				  : UINT32_MAX;
}

/* Returns the last word that it took. */
static char **
print_option(const struct translation *translation, size_t row, bool is_negated,
    char **word)
{
	FILE *out = translation->out;
	const char *left = options[row].left;
	uint32_t mask, value;

	if (options[row].form == FORM_TRUE) {
		begin_match(out, "==", is_negated, left);
		fputs("1}},", out);
		return word;
	}
	if (!*++word)
		return word - 1;
	switch (options[row].form) {
	case FORM_NAME:
		begin_match(out, "==", is_negated, left);
		print_name(out, *word);
		fputs("}},", out);
		break;
	case FORM_MASKED:
		mask = read_mask(*word, &value);
		fprintf(out,
		    "{match:{op:'%s',left:{'&':[%s,%" PRIu32 "]},right:%" PRIu32
		    "}},",
		    is_negated ? "!=" : "==", left, mask, value);
		break;
	case FORM_FLAGS:
		fprintf(out, "{match:{op:'%s',left:{'&':[%s,%u]},right:%u}},",
		    is_negated ? "!=" : "==", left, read_flags(*word),
		    word[1] ? read_flags(word[1]) : 0);
		return word[1] ? word + 1 : word;
	case FORM_STATES:
		print_states(out, is_negated, *word);
		break;
	default:
		begin_match(out, "==", is_negated, left);
		print_list(out, *word);
	}
	return word;
}

static bool
has_word(char *const *words, const char *wanted)
{
	for (; *words; words++) {
		if (!strcmp(*words, wanted))
			return true;
	}
	return false;
}

/* Returns the word after the wanted word, or NULL. */
static char *
word_behind(char *const *words, const char *wanted)
{
	for (; *words; words++) {
		if (!strcmp(*words, wanted))
			return words[1];
	}
	return NULL;
}

/* "socket" matches any socket, but by default no wildcard listener. */
static void
print_match(
    const struct translation *translation, const char *name, char *const *rest)
{
	if (!is_among(matches, COUNT(matches), name))
		fputs(UNSURE, translation->out);
	if (strcmp(name, "socket") != 0)
		return;
	fputs("{match:{op:'==',left:{socket:{key:'transparent'}},"
	      "right:{set:[0,1]}}},",
	    translation->out);
	if (!has_word(rest, "--nowildcard"))
		fputs("{match:{op:'==',left:{socket:{key:'wildcard'}},"
		      "right:0}},",
		    translation->out);
}

/* Bits outside the mask stay. */
static void
print_mark(FILE *out, const char *key, uint32_t mask, const char *value)
{
	fprintf(out,
	    "{mangle:{key:%s,value:{'^':[{'&':[%s,%" PRIu32 "]},%s]}}},", key,
	    key, ~mask, value);
}

/* For MARK, and for CONNMARK, which may copy one mark to the other. */
static void
print_marking(FILE *out, char *const *words, const char *key)
{
	const char *set = word_behind(words, "--set-xmark");
	bool saves = has_word(words, "--save-mark");
	uint32_t mark_mask, ct_mask, value;
	char text[64];

	if (set) {
		mark_mask = read_mask(set, &value);
		snprintf(text, sizeof(text), "%" PRIu32, value);
		print_mark(out, key, mark_mask, text);
		return;
	}
	if (!saves && !has_word(words, "--restore-mark")) {
		fputs("{queue:null},", out);
		return;
	}
	mark_mask = ct_mask = UINT32_MAX;
	if (word_behind(words, "--nfmask"))
		read_mask(word_behind(words, "--nfmask"), &mark_mask);
	if (word_behind(words, "--ctmask"))
		read_mask(word_behind(words, "--ctmask"), &ct_mask);
	snprintf(text, sizeof(text), "{'&':[%s,%" PRIu32 "]}",
	    saves ? MARK : CT_MARK, saves ? mark_mask : ct_mask);
	print_mark(
	    out, saves ? CT_MARK : MARK, saves ? ct_mask : mark_mask, text);
}

/* to: "192.0.2.1:80", "[2001:db8::1]:80", without a port, or a range. */
static void
print_rewriting(FILE *out, const char *statement, char *to)
{
	char *port = strrchr(to, ':'), *end = strchr(to, ']');

	if (end ? !port || port < end : strchr(to, ':') != port)
		port = NULL;
	if (port)
		*port++ = '\0';
	if (end)
		*end = '\0';
	fprintf(out, "{%s:{addr:", statement);
	print_value(out, to + (*to == '['));
	if (port) {
		fputs(",port:", out);
		print_value(out, port);
	}
	fputs("}},", out);
}

static void
print_redirect(FILE *out, char *ports)
{
	fputs("{redirect:{", out);
	if (ports) {
		fputs("port:", out);
		print_value(out, ports);
	}
	fputs("}},", out);
}

static void
print_tracking(FILE *out, char *const *words)
{
	const char *zone = word_behind(words, "--zone");

	if (has_word(words, "--notrack"))
		fputs("{notrack:null},", out);
	if (zone)
		fprintf(out, "{mangle:{key:{ct:{key:'zone'}},value:%lu}},",
		    strtoul(zone, NULL, 0));
}

static void
print_tproxy(FILE *out, char *const *words)
{
	const char *port = word_behind(words, "--on-port");
	uint32_t value,
	    mask = read_mask(word_behind(words, "--tproxy-mark"), &value);
	char text[16];

	fprintf(out, "{tproxy:{port:%lu}},", port ? strtoul(port, NULL, 0) : 0);
	snprintf(text, sizeof(text), "%" PRIu32, value);
	if (word_behind(words, "--tproxy-mark"))
		print_mark(out, MARK, mask, text);
	fputs("{accept:null},", out);
}

static void
print_target(const struct translation *translation, const char *verb,
    const char *name, char *const *words)
{
	FILE *out = translation->out;
	char *to_destination = word_behind(words, "--to-destination");
	char *to_source = word_behind(words, "--to-source");

	if (is_among(harmless, COUNT(harmless), name))
		return;
	if (is_among(targets, COUNT(targets), name)) {
		fputc('{', out);
		print_lower(out, name);
		fputs(":null},", out);
	} else if (!strcmp(name, "MARK"))
		print_marking(out, words, MARK);
	else if (!strcmp(name, "CONNMARK"))
		print_marking(out, words, CT_MARK);
	else if (!strcmp(name, "REDIRECT"))
		print_redirect(out, word_behind(words, "--to-ports"));
	else if (to_destination)
		print_rewriting(out, "dnat", to_destination);
	else if (to_source)
		print_rewriting(out, "snat", to_source);
	else if (!strcmp(name, "CT"))
		print_tracking(out, words);
	else if (!strcmp(name, "TPROXY"))
		print_tproxy(out, words);
	else {
		fprintf(
		    out, "{%s:{target:", strcmp(verb, "-g") ? "jump" : "goto");
		print_text(out, name);
		fputs("}},", out);
	}
}

static size_t
find_option(const char *option, const char *match)
{
	size_t i = 0;

	for (; i < COUNT(options); i++) {
		if (!strcmp(options[i].option, option) &&
		    (!options[i].match || !strcmp(options[i].match, match)))
			break;
	}
	return i;
}

/* word: the first word after -A and the name of the chain. */
static void
print_statements(const struct translation *translation, char **word)
{
	const char *match = "";
	bool is_negated = false;

	for (; *word; word++) {
		size_t row = find_option(*word, match);

		if (!strcmp(*word, "!")) {
			is_negated = true;
			continue;
		}
		if (row < COUNT(options)) {
			word = print_option(translation, row, is_negated, word);
		} else if (!strcmp(*word, "-m") && word[1]) {
			match = *++word;
			print_match(translation, match, word);
		} else if ((!strcmp(*word, "-j") || !strcmp(*word, "-g")) &&
		    word[1]) {
			print_target(translation, *word, word[1], word + 2);
			return;
		} else if (!strcmp(*word, "--comment") && word[1]) {
			word++;
		} else if (strcmp(*word, "--nowildcard") != 0) {
			fputs(UNSURE, translation->out);
		}
		is_negated = false;
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
	bool is_nat = !strcmp(translation->table, "nat");
	int priority = 0;

	print_place(translation, "chain", "name", chain);
	for (size_t i = 0; i < COUNT(tables); i++) {
		if (!strcmp(tables[i].table, translation->table))
			priority = tables[i].priority;
	}
	if (is_among(hooks, COUNT(hooks), chain)) {
		fprintf(translation->out,
		    ",type:'%s',prio:%d,policy:'%s',hook:'",
		    is_nat ? "nat" : "filter", priority,
		    policy && !strcmp(policy, "DROP") ? "drop" : "accept");
		print_lower(translation->out, chain);
		fputc('\'', translation->out);
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
