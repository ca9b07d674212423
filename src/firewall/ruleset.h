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
	const struct chain *chain;
	const struct json5 *statements; /* an array */
	uint64_t handle;                /* of nft(8); 0: it has none */
	size_t number;                  /* in its chain, from 1 on */
};

struct chain {
	enum tool tool;
	const char *family, *table, *name;
	const struct json5 *devices; /* of ingress and egress; NULL: unknown */
	enum hook hook;
	int priority;
	bool is_nat, drops; /* drops: by policy */
	bool is_owned;    /* only the program that owns its table changes it */
	bool is_doubtful; /* it may be dormant: inactive */
	size_t order;     /* in the listing */
	size_t rule_count;
	struct rule *rules;
};

/* A named set or map. */
struct set {
	const char *family, *table, *name;
	const struct json5 *elements; /* an array, or NULL */
	bool is_uncertain;            /* its elements change with time */
	/* The elements as expression.c read them; width: ranges per element. */
	struct range *ranges;
	size_t range_count, width;
};

struct ruleset {
	const char *blind; /* why it could not be read; NULL: it was */
	size_t root_count, chain_count, set_count;
	struct json5 **roots;
	struct chain **chains;
	struct set *sets;
	max_align_t scratch[4]; /* used if memory is short */
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

/* Both return NULL if it is not there. */
struct chain *ruleset_chain(const struct ruleset *ruleset, enum tool tool,
    const char *family, const char *table, const char *name);
struct set *ruleset_set(
    const struct ruleset *ruleset, const struct chain *chain, const char *name);

/*
 * Returns a new item of an array, all zeros. If memory is short, the item is
 * not part of the array and the ruleset becomes blind: callers need no check.
 */
void *ruleset_grow(
    struct ruleset *ruleset, void *array, size_t *count, size_t size);

/* Returns "" if the member is missing, or is no string. */
const char *ruleset_text(const struct json5 *object, const char *key);

#endif
