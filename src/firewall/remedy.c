#include "firewall/remedy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRIORITY_TRACKING (-200)
#define RELOAD " && firewall-cmd --reload"

/* nft lists tables of iptables, too; the names of their chains tell. */
static bool
is_iptables(const struct ruleset *ruleset, const struct chain *chain)
{
	static const char *const builtin[] = { "PREROUTING", "INPUT", "FORWARD",
		"OUTPUT", "POSTROUTING" };
	static const char *const tables[] = { "raw", "mangle", "nat", "filter",
		"security" };
	bool is_one = false, has_one = false;

	for (size_t i = 0; i < 5; i++) {
		is_one |= !strcmp(chain->table, tables[i]);
		has_one |= ruleset_chain(ruleset, chain->tool, chain->family,
			       chain->table, builtin[i]) != NULL;
	}
	return chain->tool != TOOL_NFT ||
	    (is_one && has_one && !strncmp(chain->family, "ip", 2));
}

static const char *
iptables_name(const struct chain *chain)
{
	bool is_ipv4 = !strcmp(chain->family, "ip");

	if (chain->tool == TOOL_IPTABLES_LEGACY)
		return is_ipv4 ? "iptables-legacy" : "ip6tables-legacy";
	return is_ipv4 ? "iptables" : "ip6tables";
}

const char *
remedy_name(const struct cause *cause, struct text *text)
{
	const struct chain *chain = cause->chain;
	const struct rule *rule = cause->rule;

	if (!chain)
		return text_set(text, "no rule");
	text_set(text, "chain %s of %s table %s%s%s", chain->name,
	    chain->tool == TOOL_NFT ? "the" : iptables_name(chain),
	    chain->tool == TOOL_NFT ? chain->family : "",
	    chain->tool == TOOL_NFT ? " " : "", chain->table);
	if (!rule)
		return text_add(text, ", policy");
	if (rule->handle)
		return text_add(
		    text, ", rule with handle %" PRIu64, rule->handle);
	return text_add(text, ", rule %zu", rule->number);
}

/* Whether a chain of the same table comes before tracking: it may lead here. */
static bool
is_before_tracking(const struct ruleset *ruleset, const struct chain *chain)
{
	for (size_t i = 0; i < ruleset->chain_count; i++) {
		const struct chain *other = ruleset->chains[i];

		if (other->tool == chain->tool &&
		    !strcmp(other->family, chain->family) &&
		    !strcmp(other->table, chain->table) &&
		    (other->hook == HOOK_INGRESS ||
			(other->hook == HOOK_PREROUTING &&
			    other->priority <= PRIORITY_TRACKING)))
			return true;
	}
	return false;
}

/* A blank follows each part. */
static void
format_match(const struct selection *selection, bool for_nft, bool is_tracked,
    struct text *match)
{
	const char *protocol = selection->family == AF_INET ? "ip" : "ip6";
	char from[PREFIX_STRLEN], to[PREFIX_STRLEN];

	text_set(match, "%s", "");
	if (selection->from)
		text_add(match, for_nft ? "%s saddr %s " : "%.0s-s %s ",
		    protocol, prefix_format(selection->from, from));
	if (selection->to)
		text_add(match, for_nft ? "%s daddr %s " : "%.0s-d %s ",
		    protocol, prefix_format(selection->to, to));
	if (selection->port)
		text_add(match,
		    for_nft ? "tcp dport %u " : "-p tcp --dport %u ",
		    selection->port);
	if (selection->is_reply && is_tracked)
		text_add(match,
		    for_nft ? "ct state established,related "
			    : "-m conntrack --ctstate ESTABLISHED,RELATED ");
}

/* firewalld has a command for ports; other selections need rich rules. */
static void
format_firewalld(const struct cause *cause, const struct selection *selection,
    struct text *command)
{
	const char *family = selection->family == AF_INET ? "ipv4" : "ipv6";
	char text[PREFIX_STRLEN] = "", port[64] = "";

	if (!selection->from) {
		text_set(command,
		    "firewall-cmd --permanent --add-port=%u/tcp" RELOAD,
		    selection->port);
		return;
	}
	prefix_format(selection->from, text);
	if (selection->port)
		snprintf(port, sizeof(port),
		    "port port=\"%u\" protocol=\"tcp\" ", selection->port);
	text_set(command,
	    "firewall-cmd --permanent --add-rich-rule='rule family=\"%s\" "
	    "source %saddress=\"%s\" %s%s'" RELOAD,
	    family, cause->chain->is_nat ? "NOT " : "", text, port,
	    cause->chain->is_nat ? "masquerade" : "accept");
}

static bool
is_ufw(const struct ruleset *ruleset, const struct chain *chain)
{
	return chain->hook == HOOK_INPUT && !strcmp(chain->table, "filter") &&
	    ruleset_chain(ruleset, chain->tool, chain->family, chain->table,
		strcmp(chain->family, "ip") ? "ufw6-user-input"
					    : "ufw-user-input");
}

bool
remedy_pass(const struct ruleset *ruleset, const struct cause *cause,
    const struct selection *selection, struct text *command)
{
	const struct chain *chain = cause->chain;
	const struct rule *rule = cause->rule;
	struct text matched;
	const char *match = matched.chars;

	if (!chain)
		return false;
	format_match(selection, !is_iptables(ruleset, chain),
	    !is_before_tracking(ruleset, chain), &matched);
	if (!strcmp(chain->table, "firewalld") &&
	    (selection->from || selection->port))
		format_firewalld(cause, selection, command);
	else if (chain->is_owned)
		return false;
	else if (is_ufw(ruleset, chain) && selection->port && !selection->from)
		text_set(command, "ufw allow %u/tcp", selection->port);
	else if (is_iptables(ruleset, chain) && rule)
		text_set(command, "%s -t %s -I %s %zu %s-j ACCEPT",
		    iptables_name(chain), chain->table, chain->name,
		    rule->number, match);
	else if (is_iptables(ruleset, chain))
		text_set(command, "%s -t %s -A %s %s-j ACCEPT",
		    iptables_name(chain), chain->table, chain->name, match);
	else if (rule)
		text_set(command,
		    "nft insert rule %s %s %s position %" PRIu64 " %saccept",
		    chain->family, chain->table, chain->name, rule->handle,
		    match);
	else
		text_set(command, "nft add rule %s %s %s %saccept",
		    chain->family, chain->table, chain->name, match);
	return true;
}

bool
remedy_delete(const struct ruleset *ruleset, const struct cause *cause,
    struct text *command)
{
	const struct chain *chain = cause->chain;
	const struct rule *rule = cause->rule;

	if (!rule || chain->is_owned)
		return false;
	if (is_iptables(ruleset, chain))
		text_set(command, "%s -t %s -D %s %zu", iptables_name(chain),
		    chain->table, chain->name, rule->number);
	else
		text_set(command, "nft delete rule %s %s %s handle %" PRIu64,
		    chain->family, chain->table, chain->name, rule->handle);
	return true;
}
