#include "firewall/ruleset.h"

#include <stdlib.h>
#include <string.h>

#include "json5/json5.h"

static const char *const hooks[HOOK_COUNT] = { "", "ingress", "prerouting",
	"input", "forward", "output", "postrouting", "egress" };

const char *
ruleset_text(const struct json5 *object, const char *key)
{
	const struct json5 *value = json5_member(object, key);
	const char *text = value ? json5_string(value, NULL) : NULL;

	return text ? text : "";
}

static int64_t
read_integer(const struct json5 *object, const char *key)
{
	const struct json5 *value = json5_member(object, key);
	int64_t integer = 0;

	if (value)
		json5_integer(value, &integer);
	return integer;
}

/* The array's size doubles when the count is a power of two. */
void *
ruleset_grow(struct ruleset *ruleset, void *array, size_t *count, size_t size)
{
	void *items, *grown, *item = ruleset->scratch;

	memcpy(&items, array, sizeof(items));
	grown = items;
	if ((*count & (*count - 1)) == 0)
		grown = reallocarray(items, *count ? *count * 2 : 1, size);
	if (grown) {
		memcpy(array, &grown, sizeof(grown));
		item = (uint8_t *)grown + (*count)++ * size;
	} else {
		ruleset->blind = "no memory is left";
	}
	return memset(item, 0, size);
}

void
ruleset_destroy(struct ruleset *ruleset)
{
	if (!ruleset)
		return;
	for (size_t i = 0; i < ruleset->chain_count; i++) {
		free(ruleset->chains[i]->rules);
		free(ruleset->chains[i]);
	}
	for (size_t i = 0; i < ruleset->set_count; i++)
		free(ruleset->sets[i].ranges);
	for (size_t i = 0; i < ruleset->root_count; i++)
		json5_destroy(ruleset->roots[i]);
	free(ruleset->chains);
	free(ruleset->sets);
	free(ruleset->roots);
	free(ruleset);
}

/* Searches from the end: mostly the last chain is wanted. */
struct chain *
ruleset_chain(const struct ruleset *ruleset, enum tool tool, const char *family,
    const char *table, const char *name)
{
	for (size_t i = ruleset->chain_count; i-- > 0;) {
		struct chain *chain = ruleset->chains[i];

		if (chain->tool == tool && !strcmp(chain->name, name) &&
		    !strcmp(chain->table, table) &&
		    !strcmp(chain->family, family))
			return chain;
	}
	return NULL;
}

struct set *
ruleset_set(
    const struct ruleset *ruleset, const struct chain *chain, const char *name)
{
	for (size_t i = 0; i < ruleset->set_count; i++) {
		struct set *set = &ruleset->sets[i];

		if (!strcmp(set->name, name) &&
		    !strcmp(set->table, chain->table) &&
		    !strcmp(set->family, chain->family))
			return set;
	}
	return NULL;
}

/* The listing that is being read, and its current table. */
struct listing {
	struct ruleset *ruleset;
	enum tool tool;
	const char *family, *table;
};

static void
add_chain(const struct listing *listing, const struct json5 *json)
{
	struct ruleset *ruleset = listing->ruleset;
	struct chain **slot,
	    *chain = ruleset_chain(ruleset, listing->tool, listing->family,
		listing->table, ruleset_text(json, "name"));

	/* The chain is known, but its listing left out the devices. */
	if (chain) {
		chain->devices = json5_member(json, "dev");
		return;
	}
	chain = calloc(1, sizeof(*chain));
	if (!chain) {
		ruleset->blind = "no memory is left";
		return;
	}
	*chain = (struct chain){
		.tool = listing->tool,
		.family = listing->family,
		.table = listing->table,
		.name = ruleset_text(json, "name"),
		.devices = json5_member(json, "dev"),
		.order = ruleset->chain_count,
		.priority = (int)read_integer(json, "prio"),
		.is_nat = !strcmp(ruleset_text(json, "type"), "nat"),
		.drops = !strcmp(ruleset_text(json, "policy"), "drop"),
	};
	for (enum hook i = HOOK_INGRESS; i < HOOK_COUNT; i++) {
		if (!strcmp(hooks[i], ruleset_text(json, "hook")))
			chain->hook = i;
	}
	slot = ruleset_grow(ruleset, &ruleset->chains, &ruleset->chain_count,
	    sizeof(struct chain *));
	*slot = chain;
	if ((void *)slot == (void *)ruleset->scratch)
		free(chain);
}

/* Elements may have their own limits and quotas, which depend on time. */
static void
add_set(const struct listing *listing, const struct json5 *json)
{
	const struct json5 *meters = json5_member(json, "stmt");
	struct set *set =
	    ruleset_grow(listing->ruleset, &listing->ruleset->sets,
		&listing->ruleset->set_count, sizeof(*set));

	set->family = listing->family;
	set->table = listing->table;
	set->name = ruleset_text(json, "name");
	set->elements = json5_member(json, "elem");
	for (size_t i = 0; meters && i < json5_count(meters); i++)
		set->is_uncertain |=
		    !json5_member(json5_item(meters, i), "counter");
}

/* A rule may add elements to a set after the set was listed. */
static void
note_changes(struct ruleset *ruleset, const struct rule *rule)
{
	for (size_t i = 0; i < json5_count(rule->statements); i++) {
		const struct json5 *json = json5_item(rule->statements, i);
		const struct json5 *change = json5_member(json, "set");
		const char *name;
		struct set *set;

		change = change ? change : json5_member(json, "map");
		name = change ? ruleset_text(change, "set") : "";
		set = *name ? ruleset_set(ruleset, rule->chain, name + 1) : 0;
		if (set)
			set->is_uncertain = true;
	}
}

static void
add_rule(const struct listing *listing, const struct json5 *json)
{
	struct chain *chain = ruleset_chain(listing->ruleset, listing->tool,
	    listing->family, listing->table, ruleset_text(json, "chain"));
	struct rule *rule;

	if (!chain || !json5_member(json, "expr"))
		return;
	rule = ruleset_grow(
	    listing->ruleset, &chain->rules, &chain->rule_count, sizeof(*rule));
	*rule = (struct rule){
		.chain = chain,
		.statements = json5_member(json, "expr"),
		.handle = (uint64_t)read_integer(json, "handle"),
		.number = chain->rule_count,
	};
	note_changes(listing->ruleset, rule);
}

/* A list of flags, or a flag. nft 1.0.6 prints a wrong word instead of it. */
static void
apply_flag(struct chain *chain, const struct json5 *flag)
{
	const char *name = json5_string(flag, NULL);

	for (size_t i = 0; i < json5_count(flag); i++)
		apply_flag(chain, json5_item(flag, i));
	if (name && !strcmp(name, "dormant"))
		chain->hook = HOOK_NONE;
	else if (name && !strcmp(name, "owner"))
		chain->is_owned = true;
	else if (name && strcmp(name, "persist") != 0)
		chain->is_doubtful = true;
}

static void
apply_flags(const struct listing *listing, const struct json5 *json)
{
	for (size_t i = 0; i < listing->ruleset->chain_count; i++) {
		struct chain *chain = listing->ruleset->chains[i];

		if (json5_member(json, "flags") &&
		    chain->tool == listing->tool &&
		    !strcmp(chain->family, listing->family) &&
		    !strcmp(chain->table, ruleset_text(json, "name")))
			apply_flag(chain, json5_member(json, "flags"));
	}
}

static bool
is_translated(const struct listing *listing)
{
	for (size_t i = 0; i < listing->ruleset->chain_count; i++) {
		const struct chain *chain = listing->ruleset->chains[i];

		if (listing->tool == TOOL_NFT &&
		    chain->tool == TOOL_IPTABLES_NFT &&
		    !strcmp(chain->family, listing->family) &&
		    !strcmp(chain->table, listing->table))
			return true;
	}
	return false;
}

/* Added in this order, because each kind needs the kinds before it. */
static const struct {
	const char *kind;
	void (*add)(const struct listing *listing, const struct json5 *json);
} kinds[] = {
	{ "set", add_set },
	{ "map", add_set },
	{ "chain", add_chain },
	{ "rule", add_rule },
	{ "table", apply_flags },
};

bool
ruleset_add(
    struct ruleset *ruleset, enum tool tool, const char *text, size_t len)
{
	struct json5_error error;
	struct json5 *root = json5_parse(text, len, &error), **slot;
	const struct json5 *list = root ? json5_member(root, "nftables") : NULL;

	if (!list || json5_count(list) == 0) {
		json5_destroy(root);
		return false;
	}
	slot = ruleset_grow(ruleset, &ruleset->roots, &ruleset->root_count,
	    sizeof(struct json5 *));
	*slot = root;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		for (size_t j = 0; j < json5_count(list); j++) {
			const struct json5 *json =
			    json5_member(json5_item(list, j), kinds[i].kind);
			struct listing listing = { ruleset, tool, "", "" };

			if (!json)
				continue;
			listing.family = ruleset_text(json, "family");
			listing.table = ruleset_text(json, "table");
			if (!is_translated(&listing))
				kinds[i].add(&listing, json);
		}
	}
	return true;
}
