/*
 * Says how far packets get in the firewall of this process's namespace.
 *
 *	firewall-walk FIELD=VALUE... HOOK... [-- FIELD=VALUE... HOOK...]...
 *
 * "--answer" instead of "--" begins the answer to the packet before, and then
 * "--follow" the packet after that one. Prints a line for each packet: the
 * fate, destination, port, mark, source and tracking ("?": unknown), whether
 * its source is rewritten, the rule that decided or is unclear, and behind "|"
 * the commands that let pass what is dropped.
 */

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "firewall/remedy.h"
#include "firewall/walk.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct {
	const char *name;
	enum field field;
} fields[] = {
	{ "sport", FIELD_SPORT },
	{ "flags", FIELD_TCP_FLAGS },
	{ "mark", FIELD_MARK },
	{ "uid", FIELD_UID },
	{ "saddr_type", FIELD_SADDR_TYPE },
	{ "daddr_type", FIELD_DADDR_TYPE },
	{ "reverse_path", FIELD_REVERSE_PATH },
	{ "transparent", FIELD_TRANSPARENT },
	{ "wildcard", FIELD_WILDCARD },
	{ "state", FIELD_CT_STATE },
	{ "ct_mark", FIELD_CT_MARK },
	{ "direction", FIELD_CT_DIRECTION },
	{ "zone", FIELD_CT_ZONE },
	{ "status", FIELD_CT_STATUS },
};

static const struct {
	const char *name;
	enum hook hook;
} hooks[] = {
	{ "prerouting", HOOK_PREROUTING },
	{ "input", HOOK_INPUT },
	{ "forward", HOOK_FORWARD },
	{ "output", HOOK_OUTPUT },
	{ "postrouting", HOOK_POSTROUTING },
};

static const char *const fates[] = { "accepted", "dropped", "unknown" };

struct given {
	union address from, to;
	unsigned port, protocol;
	struct packet packet;
	const char *kind; /* "--", "--answer" or "--follow" */
	bool is_set[FIELD_COUNT], is_begun;
};

static struct given began; /* as "--" */

static void
begin(struct given *given, struct walk *walk)
{
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		if (given->is_set[i])
			walk->packet.fields[i] = given->packet.fields[i];
	}
}

/* The packet that began, at first and after its way; the packet before. */
static struct packet first, request, last;

/* Conntrack keeps its own fields, and the mark that the answer left. */
static void
follow(struct packet *packet)
{
	*packet = first;
	for (size_t i = FIELD_CT_STATE; i < FIELD_COUNT; i++)
		packet->fields[i] = request.fields[i];
	packet->fields[FIELD_CT_MARK] = last.fields[FIELD_CT_MARK];
	packet->fields[FIELD_CT_FIRST_ZONE] = request.fields[FIELD_CT_ZONE];
	packet->fields[FIELD_CT_ZONE] = value_of_number(0);
	packet_follow(packet, &last);
}

static void
set(struct given *given, enum field field, struct value value)
{
	given->packet.fields[field] = value;
	given->is_set[field] = true;
}

static void
take_field(struct given *given, const char *word)
{
	const char *value = strchr(word, '=') + 1;

	if (!strncmp(word, "from=", 5))
		address_parse(value, &given->from);
	else if (!strncmp(word, "to=", 3))
		address_parse(value, &given->to);
	else if (!strncmp(word, "dport=", 6))
		given->port = (unsigned)atoi(value);
	else if (!strncmp(word, "protocol=", 9))
		given->protocol = (unsigned)atoi(value);
	else if (!strncmp(word, "iif=", 4))
		set(given, FIELD_IIF, value_of_name(value));
	else if (!strncmp(word, "oif=", 4))
		set(given, FIELD_OIF, value_of_name(value));
	else
		for (size_t i = 0; i < COUNT(fields); i++) {
			size_t len = strlen(fields[i].name);

			if (!strncmp(word, fields[i].name, len) &&
			    word[len] == '=')
				set(given, fields[i].field,
				    value_of_number(strtoul(value, NULL, 0)));
		}
}

static void
take_hook(struct given *given, struct walk *walk, struct ruleset *ruleset,
    const char *word)
{
	struct packet packet;

	if (!given->is_begun) {
		address_set_port(&given->to, (uint16_t)given->port);
		packet_init(&packet, &given->from, &given->to,
		    (uint8_t)given->protocol);
		if (!strcmp(given->kind, "--answer"))
			packet_answer(&packet, &last);
		if (!strcmp(given->kind, "--follow"))
			follow(&packet);
		walk_init(walk, &packet);
		begin(given, walk);
		if (!strcmp(given->kind, "--")) {
			first = walk->packet;
			began = *given;
		}
		given->is_begun = true;
	}
	for (size_t i = 0; i < COUNT(hooks); i++) {
		if (!strcmp(hooks[i].name, word))
			walk_through(walk, ruleset, hooks[i].hook);
	}
}

static void
print_address(const struct packet *packet, enum field field)
{
	const struct value *value = &packet->fields[field];
	bool is_ipv4 = packet_has(packet, FIELD_NFPROTO, 2);
	const uint64_t words[2] = { htobe64(value->bits[0]),
		htobe64(value->bits[1]) };
	const uint8_t *raw = (const uint8_t *)words + (is_ipv4 ? 12 : 0);
	char text[ADDRESS_STRLEN] = "?";
	union address address;

	if (value_is_known(value)) {
		address_from_raw(&address, raw, is_ipv4 ? 4 : 16, 0);
		address_format_host(&address, text);
	}
	printf(" %s", text);
}

static void
print_number(const struct packet *packet, enum field field)
{
	const struct value *value = &packet->fields[field];

	if (value_is_known(value))
		printf(" %lu", (unsigned long)value->bits[1]);
	else
		printf(" %s", value->is_absent ? "-" : "?");
}

static void
print_fix(const struct walk *walk, const struct ruleset *ruleset,
    const struct given *given)
{
	bool is_answer = !strcmp(given->kind, "--answer");
	int family = began.from.any.sa_family;
	struct prefix from = { began.from, family == AF_INET ? 32 : 128 };
	const struct selection selection = {
		.family = family,
		.from = is_answer ? NULL : &from,
		.port = (uint16_t)began.port,
		.is_reply = is_answer,
	};
	struct text text;

	address_set_port(&from.base, 0);
	if (remedy_pass_all(ruleset, walk, &selection, &text))
		printf("%s", text.chars);
	printf("\n");
}

static void
print_walk(const struct walk *walk, const struct ruleset *ruleset,
    const struct given *given)
{
	struct text text;
	const struct cause *cause;

	printf("%s", fates[walk->fate]);
	print_address(&walk->packet, FIELD_DADDR);
	print_number(&walk->packet, FIELD_DPORT);
	print_number(&walk->packet, FIELD_MARK);
	print_address(&walk->packet, FIELD_SADDR);
	print_number(&walk->packet, FIELD_CT_STATE);
	cause = &walk->changes[FIELD_SADDR];
	printf(" %s",
	    !cause->chain        ? "kept"
		: cause->is_sure ? "rewritten"
				 : "unclear");
	if (walk->fate != FATE_ACCEPTED)
		cause = &walk->cause;
	else if (!cause->chain)
		cause = &walk->changes[FIELD_DPORT];
	printf(" %s |",
	    ruleset->blind ? ruleset->blind : remedy_name(cause, &text));
	print_fix(walk, ruleset, given);
}

int
main(int argc, char **argv)
{
	const struct given none = { .protocol = IPPROTO_TCP, .kind = "--" };
	struct ruleset *ruleset = ruleset_create();
	struct given given = none;
	struct walk walk;

	if (!ruleset)
		return 1;
	for (int i = 1; i <= argc; i++) {
		if (i == argc || !strncmp(argv[i], "--", 2)) {
			print_walk(&walk, ruleset, &given);
			last = walk.packet;
			if (!strcmp(given.kind, "--"))
				request = last;
			given = none;
			given.kind = argv[i];
		} else if (strchr(argv[i], '=')) {
			take_field(&given, argv[i]);
		} else {
			take_hook(&given, &walk, ruleset, argv[i]);
		}
	}
	ruleset_destroy(ruleset);
	return 0;
}
