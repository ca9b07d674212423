#include "firewall/ruleset.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "json5/json5.h"

#define PRIORITY_TRACKING (-200)
#define PRIORITY_DESTINATION (-100)
#define PRIORITY_SOURCE 100
static const char *const hooks[HOOK_COUNT] = { "", "ingress", "prerouting",
	"input", "forward", "output", "postrouting", "egress" };

const char *
ruleset_string(const struct json5 *json)
{
	const char *text = json ? json5_string(json, NULL) : NULL;

	return text ? text : "";
}

const char *
ruleset_text(const struct json5 *object, const char *key)
{
	return ruleset_string(json5_member(object, key));
}

const struct json5 *
ruleset_item(const struct json5 *list, size_t index)
{
	if (!list || json5_type(list) == JSON5_ARRAY)
		return list ? json5_item(list, index) : NULL;
	return index == 0 ? list : NULL;
}

const struct json5 *
ruleset_only_member(const struct json5 *object)
{
	const char *const none[] = { NULL };

	return json5_unexpected(object, none, NULL);
}

int64_t
ruleset_number(const struct json5 *object, const char *key)
{
	const struct json5 *value = json5_member(object, key);
	int64_t integer = 0;

	if (value)
		json5_integer(value, &integer);
	return integer;
}

void
ruleset_destroy(struct ruleset *ruleset)
{
	struct chain *chain;
	struct rule *rule;
	struct set *set;

	while (ruleset && (chain = ruleset->chains)) {
		while ((rule = chain->rules)) {
			chain->rules = rule->next;
			free(rule);
		}
		ruleset->chains = chain->next;
		free(chain);
	}
	while (ruleset && (set = ruleset->sets)) {
		ruleset->sets = set->next;
		free(set->items);
		free(set);
	}
	while (ruleset && ruleset->root_count > 0)
		json5_destroy(ruleset->roots[--ruleset->root_count]);
	free(ruleset);
}

/* Returns the first one from that chain on; name NULL: any of the table. */
static struct chain *
find(struct chain *chain, enum tool tool, const char *family, const char *table,
    const char *name)
{
	while (chain &&
	    ((name && strcmp(chain->name, name) != 0) || chain->tool != tool ||
		strcmp(chain->table, table) != 0 ||
		strcmp(chain->family, family) != 0))
		chain = chain->next;
	return chain;
}

struct chain *
ruleset_chain(const struct ruleset *ruleset, enum tool tool, const char *family,
    const char *table, const char *name)
{
	return find(ruleset->chains, tool, family, table, name);
}

struct set *
ruleset_set(
    const struct ruleset *ruleset, const struct chain *chain, const char *name)
{
	struct set *set = ruleset->sets;

	while (set &&
	    (strcmp(set->name, name) != 0 ||
		strcmp(set->table, chain->table) != 0 ||
		strcmp(set->family, chain->family) != 0))
		set = set->next;
	return set;
}

bool
chain_precedes_tracking(const struct chain *chain)
{
	bool is_first =
	    chain->hook == HOOK_PREROUTING || chain->hook == HOOK_OUTPUT;

	return chain->hook == HOOK_INGRESS ||
	    (is_first && !chain->is_nat &&
		chain->priority <= PRIORITY_TRACKING);
}

/* The kernel rewrites at two priorities only. */
static int
effective_priority(const struct chain *chain)
{
	if (!chain->is_nat)
		return chain->priority;
	return chain->hook == HOOK_PREROUTING || chain->hook == HOOK_OUTPUT
	    ? PRIORITY_DESTINATION
	    : PRIORITY_SOURCE;
}

/* At the same priority the kernel calls the chain made later first. */
static void
insert(struct ruleset *ruleset, struct chain *chain)
{
	struct chain **place = &ruleset->chains;
	int priority = effective_priority(chain);

	while (*place &&
	    (effective_priority(*place) < priority ||
		(effective_priority(*place) == priority &&
		    (*place)->priority < chain->priority)))
		place = &(*place)->next;
	chain->next = *place;
	*place = chain;
}

/* The listing of nft has the order of all chains, also of those known before. */
static void
insert_again(struct ruleset *ruleset, struct chain *chain)
{
	struct chain **place = &ruleset->chains;

	while (*place != chain)
		place = &(*place)->next;
	*place = chain->next;
	insert(ruleset, chain);
}

static void *
allocate(struct ruleset *ruleset, size_t size)
{
	void *memory = calloc(1, size);

	if (!memory)
		ruleset->blind = "no memory is left";
	return memory;
}

/* A member of a listing, and its place. */
struct object {
	struct ruleset *ruleset;
	enum tool tool;
	const char *family, *table, *name;
	const struct json5 *json;
};

static void
add_chain(const struct object *object)
{
	const struct json5 *json = object->json;
	struct chain *chain = ruleset_chain(object->ruleset, object->tool,
	    object->family, object->table, object->name);

	/* The chain is known, but its listing left out the devices. */
	if (chain) {
		chain->devices = json5_member(json, "dev");
		return;
	}
	chain = allocate(object->ruleset, sizeof(*chain));
	if (!chain)
		return;
	*chain = (struct chain){
		.tool = object->tool,
		.family = object->family,
		.table = object->table,
		.name = object->name,
		.devices = json5_member(json, "dev"),
		.priority = (int)ruleset_number(json, "prio"),
		.is_nat = !strcmp(ruleset_text(json, "type"), "nat"),
		.drops = !strcasecmp(ruleset_text(json, "policy"), "drop"),
	};
	for (enum hook i = HOOK_INGRESS; i < HOOK_COUNT; i++) {
		if (!strcasecmp(hooks[i], ruleset_text(json, "hook")))
			chain->hook = i;
	}
	insert(object->ruleset, chain);
}

/* Elements may have their own limits and quotas, which depend on time. */
static void
add_set(const struct object *object)
{
	const struct json5 *meters = json5_member(object->json, "stmt"), *meter;
	struct set *set = allocate(object->ruleset, sizeof(*set));

	if (!set)
		return;
	*set = (struct set){
		.next = object->ruleset->sets,
		.family = object->family,
		.table = object->table,
		.name = object->name,
		.elements = json5_member(object->json, "elem"),
	};
	for (size_t i = 0; (meter = ruleset_item(meters, i)); i++)
		set->is_uncertain |= !json5_member(meter, "counter");
	object->ruleset->sets = set;
}

/* A rule may add elements to a set after the set was listed. */
static void
note_changes(struct ruleset *ruleset, const struct rule *rule)
{
	const struct json5 *json;

	for (size_t i = 0; (json = json5_item(rule->statements, i)); i++) {
		const struct json5 *change = ruleset_only_member(json);
		const char *name = change ? ruleset_text(change, "set") : "";
		struct set *set;

		if (change && !*name)
			name = ruleset_text(change, "map");
		if (*name == '@' &&
		    (set = ruleset_set(ruleset, rule->chain, name + 1)))
			set->is_uncertain = true;
	}
}

static void
add_rule(const struct object *object)
{
	struct chain *chain = ruleset_chain(object->ruleset, object->tool,
	    object->family, object->table, ruleset_text(object->json, "chain"));
	struct rule *rule;

	if (!chain || !json5_member(object->json, "expr") ||
	    !(rule = allocate(object->ruleset, sizeof(*rule))))
		return;
	*rule = (struct rule){
		.chain = chain,
		.statements = json5_member(object->json, "expr"),
		.handle = (uint64_t)ruleset_number(object->json, "handle"),
		.number = chain->last ? chain->last->number + 1 : 1,
	};
	*(chain->last ? &chain->last->next : &chain->rules) = rule;
	chain->last = rule;
	note_changes(object->ruleset, rule);
}

/* nft 1.0.6 prints a wrong word instead of a flag. */
static void
add_table(const struct object *object)
{
	const struct json5 *flags = json5_member(object->json, "flags"), *flag;
	struct chain *chain = object->ruleset->chains;

	while ((chain = find(
		    chain, object->tool, object->family, object->name, NULL))) {
		for (size_t i = 0; (flag = ruleset_item(flags, i)); i++) {
			const char *name = ruleset_string(flag);

			if (!strcmp(name, "dormant"))
				chain->hook = HOOK_NONE;
			else if (!strcmp(name, "owner"))
				chain->is_owned = true;
			else if (*name && strcmp(name, "persist") != 0)
				chain->is_doubtful = true;
		}
		chain = chain->next;
	}
}

/* Added in this order, because each kind needs the kinds before it. */
static const struct {
	const char *kind;
	void (*add)(const struct object *object);
} kinds[] = {
	{ "set", add_set },
	{ "map", add_set },
	{ "chain", add_chain },
	{ "rule", add_rule },
	{ "table", add_table },
};

/* Of a table that iptables-nft-save has told, only the order is news. */
static void
add(const struct object *object, void (*kind)(const struct object *object))
{
	struct ruleset *ruleset = object->ruleset;
	struct chain *known;

	if (object->tool != TOOL_NFT ||
	    !ruleset_chain(ruleset, TOOL_IPTABLES_NFT, object->family,
		object->table, NULL)) {
		kind(object);
		return;
	}
	known = ruleset_chain(ruleset, TOOL_IPTABLES_NFT, object->family,
	    object->table, object->name);
	if (known && kind == add_chain)
		insert_again(ruleset, known);
}

bool
ruleset_add(
    struct ruleset *ruleset, enum tool tool, const char *text, size_t len)
{
	struct json5_error error;
	struct json5 *root = json5_parse(text, len, &error);
	const struct json5 *list = root ? json5_member(root, "nftables") : NULL;
	const struct json5 *item, *json;

	if (!list || json5_count(list) == 0 ||
	    ruleset->root_count == RULESET_ROOTS_MAX) {
		json5_destroy(root);
		return false;
	}
	ruleset->roots[ruleset->root_count++] = root;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		for (size_t j = 0; (item = json5_item(list, j)); j++) {
			json = json5_member(item, kinds[i].kind);
			if (!json)
				continue;
			const struct object object = { ruleset, tool,
				ruleset_text(json, "family"),
				ruleset_text(json, "table"),
				ruleset_text(json, "name"), json };

			add(&object, kinds[i].add);
		}
	}
	return true;
}
