#ifndef FIREWALL_RULESET_H
#define FIREWALL_RULESET_H

/*
 * The firewall of a host as data, for any tool: the objects that
 * libnftables-json(5) describes. nft(8) cannot describe all rules that
 * iptables(8) made, so those come from the translation in iptables.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firewall/value.h"

enum hook {
	HOOK_NONE, /* only other chains lead there */
	HOOK_INGRESS,
	HOOK_PREROUTING,
	HOOK_INPUT,
	HOOK_FORWARD,
	HOOK_OUTPUT,
	HOOK_POSTROUTING,
	HOOK_EGRESS,
	HOOK_COUNT,
};

enum tool { TOOL_NFT, TOOL_IPTABLES_NFT, TOOL_IPTABLES_LEGACY };

struct chain;
struct json5;

struct rule {
	struct rule *next;
	const struct chain *chain;
	const struct json5 *statements; /* an array */
	uint64_t handle;                /* of nft(8); 0: it has none */
	size_t number;                  /* in its chain, from 1 on */
};

struct chain {
	struct chain *next;
	enum tool tool;
	const char *family, *table, *name;
	const struct json5 *devices; /* of ingress and egress; NULL: unknown */
	enum hook hook;
	int priority;
	bool is_nat, drops; /* drops: by policy */
	bool is_owned;    /* only the program that owns its table changes it */
	bool is_doubtful; /* it may be dormant: inactive */
	struct rule *rules, *last;
};

/* An element of a set, or a part of one; data: of a map. */
struct element {
	struct range range;
	const struct json5 *data;
};

/* A set or map. */
struct set {
	struct set *next;
	const char *family, *table, *name;
	const struct json5 *elements; /* an array, or NULL */
	bool is_uncertain;            /* its elements change with time */
	/* As expression.c read them; width: items per element. */
	struct element *items;
	size_t count, width;
	bool is_sorted;
};

#define RULESET_ROOTS_MAX 8

struct ruleset {
	const char *blind;    /* why it could not be read; NULL: it was */
	struct chain *chains; /* in the kernel's order */
	struct set *sets;
	struct json5 *roots[RULESET_ROOTS_MAX];
	size_t root_count;
};

/*
 * Runs this host's tools to read its rules. NULL only if memory is short; other
 * failures are in blind. The caller destroys it.
 */
struct ruleset *ruleset_create(void);

/* ruleset may be NULL. */
void ruleset_destroy(struct ruleset *ruleset);

/*
 * Adds a listing: the output of "nft -n -j list ruleset", or a translation. It
 * leaves out tables that the ruleset already has from iptables-nft-save.
 * Returns false if the text is no listing.
 */
bool ruleset_add(
    struct ruleset *ruleset, enum tool tool, const char *text, size_t len);

/* Both return NULL if it is not there. name NULL: any chain of the table. */
struct chain *ruleset_chain(const struct ruleset *ruleset, enum tool tool,
    const char *family, const char *table, const char *name);
struct set *ruleset_set(
    const struct ruleset *ruleset, const struct chain *chain, const char *name);

/* Whether conntrack has not seen a packet yet that comes to the chain. */
bool chain_precedes_tracking(const struct chain *chain);

/* Returns "" if it is no string, or the member is missing. */
const char *ruleset_string(const struct json5 *json);
const char *ruleset_text(const struct json5 *object, const char *key);

/* Returns 0 if it is no integer, or the member is missing. */
int64_t ruleset_number(const struct json5 *object, const char *key);

/* Where nft(8) writes an array, or a single item alone. list may be NULL. */
const struct json5 *ruleset_item(const struct json5 *list, size_t index);

/* The member of an object that has one; NULL: there is none. */
const struct json5 *ruleset_only_member(const struct json5 *object);

#endif
