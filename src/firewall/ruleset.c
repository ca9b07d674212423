#include "firewall/ruleset.h"

#include <stdlib.h>
#include <string.h>

#include "json5/json5.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

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

/* A listing's table, or one of its objects. */
struct place {
	struct ruleset *ruleset;
	enum tool tool;
	const char *family, *table;
};

static bool
is_in_table(
    const struct chain *chain, enum tool tool, const struct place *place)
{
	return chain->tool == tool && !strcmp(chain->table, place->table) &&
	    !strcmp(chain->family, place->family);
}

struct chain *
ruleset_chain(const struct ruleset *ruleset, enum tool tool, const char *family,
    const char *table, const char *name)
{
	const struct place place = { .family = family, .table = table };
	struct chain *chain = ruleset->chains;

	while (chain &&
	    (strcmp(chain->name, name) != 0 ||
		!is_in_table(chain, tool, &place)))
		chain = chain->next;
	return chain;
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

static void *
allocate(struct ruleset *ruleset, size_t size)
{
	void *memory = calloc(1, size);

	if (!memory)
		ruleset->blind = "no memory is left";
	return memory;
}

static void
add_chain(const struct place *place, const struct json5 *json)
{
	struct ruleset *ruleset = place->ruleset;
	const char *name = ruleset_text(json, "name");
	struct chain *chain = ruleset_chain(
	    ruleset, place->tool, place->family, place->table, name);

	/* The chain is known, but its listing left out the devices. */
	if (chain) {
		chain->devices = json5_member(json, "dev");
		return;
	}
	chain = allocate(ruleset, sizeof(*chain));
	if (!chain)
		return;
	*chain = (struct chain){
		.next = ruleset->chains,
		.tool = place->tool,
		.family = place->family,
		.table = place->table,
		.name = name,
		.devices = json5_member(json, "dev"),
		.order = ruleset->chains ? ruleset->chains->order + 1 : 0,
		.priority = (int)ruleset_number(json, "prio"),
		.is_nat = !strcmp(ruleset_text(json, "type"), "nat"),
		.drops = !strcasecmp(ruleset_text(json, "policy"), "drop"),
	};
	for (enum hook i = HOOK_INGRESS; i < HOOK_COUNT; i++) {
		if (!strcasecmp(hooks[i], ruleset_text(json, "hook")))
			chain->hook = i;
	}
	ruleset->chains = chain;
}

/* Elements may have their own limits and quotas, which depend on time. */
static void
add_set(const struct place *place, const struct json5 *json)
{
	const struct json5 *meters = json5_member(json, "stmt"), *meter;
	struct set *set = allocate(place->ruleset, sizeof(*set));

	if (!set)
		return;
	*set = (struct set){
		.next = place->ruleset->sets,
		.family = place->family,
		.table = place->table,
		.name = ruleset_text(json, "name"),
		.elements = json5_member(json, "elem"),
	};
	for (size_t i = 0; (meter = ruleset_item(meters, i)); i++)
		set->is_uncertain |= !json5_member(meter, "counter");
	place->ruleset->sets = set;
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
add_rule(const struct place *place, const struct json5 *json)
{
	struct chain *chain = ruleset_chain(place->ruleset, place->tool,
	    place->family, place->table, ruleset_text(json, "chain"));
	struct rule *rule;

	if (!chain || !json5_member(json, "expr") ||
	    !(rule = allocate(place->ruleset, sizeof(*rule))))
		return;
	*rule = (struct rule){
		.chain = chain,
		.statements = json5_member(json, "expr"),
		.handle = (uint64_t)ruleset_number(json, "handle"),
		.number = chain->last ? chain->last->number + 1 : 1,
	};
	*(chain->last ? &chain->last->next : &chain->rules) = rule;
	chain->last = rule;
	note_changes(place->ruleset, rule);
}

/* nft 1.0.6 prints a wrong word instead of a flag. */
static void
add_table(const struct place *place, const struct json5 *json)
{
	const struct place table = { .family = place->family,
		.table = ruleset_text(json, "name") };
	const struct json5 *flags = json5_member(json, "flags"), *flag;

	for (struct chain *chain = place->ruleset->chains; chain;
	     chain = chain->next) {
		if (!is_in_table(chain, place->tool, &table))
			continue;
		for (size_t i = 0; (flag = ruleset_item(flags, i)); i++) {
			const char *name = ruleset_string(flag);

			if (!strcmp(name, "dormant"))
				chain->hook = HOOK_NONE;
			else if (!strcmp(name, "owner"))
				chain->is_owned = true;
			else if (*name && strcmp(name, "persist") != 0)
				chain->is_doubtful = true;
		}
	}
}

static bool
is_translated(const struct place *place)
{
	const struct chain *chain = place->ruleset->chains;

	while (chain && !is_in_table(chain, TOOL_IPTABLES_NFT, place))
		chain = chain->next;
	return chain && place->tool == TOOL_NFT;
}

/* Added in this order, because each kind needs the kinds before it. */
static const struct {
	const char *kind;
	void (*add)(const struct place *place, const struct json5 *json);
} kinds[] = {
	{ "set", add_set },
	{ "map", add_set },
	{ "chain", add_chain },
	{ "rule", add_rule },
	{ "table", add_table },
};

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
			struct place place = { ruleset, tool, "", "" };

			json = json5_member(item, kinds[i].kind);
			if (!json)
				continue;
			place.family = ruleset_text(json, "family");
			place.table = ruleset_text(json, "table");
			if (!is_translated(&place))
				kinds[i].add(&place, json);
		}
	}
	return true;
}
