#ifndef RULES_H
#define RULES_H

/* A ruleset made of text, and the packet that most tests send. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/iptables.h"
#include "firewall/walk.h"

/* A chain of a table inet t, and what is in it, as JSON5. */
#define CHAIN(name, rest) \
	"{chain:{family:'inet',table:'t',name:'" name "'" rest "}},"
#define INPUT(policy) \
	CHAIN("in", ",type:'filter',hook:'input',prio:0,policy:'" policy "'")
#define RULE(chain, handle, statements)                                   \
	"{rule:{family:'inet',table:'t',chain:'" chain "',handle:" handle \
	",expr:[" statements "]}},"
#define DPORT(op, right)  \
	"{match:{op:'" op \
	"',left:{payload:{protocol:'tcp',field:'dport'}},right:" right "}},"
#define SADDR(right)                                                    \
	"{match:{op:'==',left:{payload:{protocol:'ip',field:'saddr'}}," \
	"right:" right "}},"
#define MARK(right) \
	"{match:{op:'==',left:{meta:{key:'mark'}},right:" right "}},"
#define SET_MARK(value) "{mangle:{key:{meta:{key:'mark'}},value:" value "}},"
#define ACCEPT "{accept:null}"
#define DROP "{drop:null}"
#define LIMIT "{limit:{rate:5}},"

static inline struct ruleset *
make_ruleset(const char *objects)
{
	struct ruleset *ruleset = calloc(1, sizeof(*ruleset));
	char *text = NULL;

	ck_assert_int_gt(
	    asprintf(&text, "{nftables:[{metainfo:{}},%s]}", objects), 0);
	ck_assert_msg(
	    ruleset_add(ruleset, TOOL_NFT, text, strlen(text)), "%s", text);
	free(text);
	return ruleset;
}

static inline struct ruleset *
make_iptables(const char *family, const char *saved)
{
	struct ruleset *ruleset = calloc(1, sizeof(*ruleset));
	char *copy = strdup(saved), *text = iptables_translate(family, copy);

	ck_assert_msg(
	    ruleset_add(ruleset, TOOL_IPTABLES_LEGACY, text, strlen(text)),
	    "%s", text);
	free(copy);
	free(text);
	return ruleset;
}

/* 192.0.2.1 to 198.51.100.1 port 9001, by eth0. */
static inline void
make_packet(struct packet *packet)
{
	union address from, to;

	ck_assert(address_parse("192.0.2.1", &from));
	ck_assert(address_parse("198.51.100.1", &to));
	address_set_port(&from, 40000);
	address_set_port(&to, 9001);
	packet_init(packet, &from, &to, IPPROTO_TCP);
	packet->fields[FIELD_IIF] = value_of_name("eth0");
}

static inline struct walk
walk_once(struct ruleset *ruleset, enum hook hook)
{
	struct packet packet;
	struct walk walk;

	make_packet(&packet);
	walk_init(&walk, &packet);
	walk_through(&walk, ruleset, hook);
	return walk;
}

#endif
