#include "firewall/remedy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CHANGE "firewall-cmd --permanent"
#define POLICY CHANGE " --policy=srcproxy"

static bool
is_ipv4(const struct chain *chain)
{
	return !strcmp(chain->family, "ip");
}

/* nft lists tables of iptables, too; the names of their chains tell. */
static bool
is_iptables(const struct ruleset *ruleset, const struct chain *chain)
{
	bool has_one = chain->tool != TOOL_NFT;

	for (const struct chain *other = ruleset->chains; other && !has_one;
	     other = other->next)
		has_one = !strcmp(other->table, chain->table) &&
		    !strcmp(other->family, chain->family) &&
		    text_lists(
			"|raw|mangle|nat|filter|security|", chain->table) &&
		    text_lists("|PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING|",
			other->name) &&
		    text_lists("|ip|ip6|", chain->family);
	return has_one;
}

static const char *
iptables_name(const struct chain *chain)
{
	if (chain->tool == TOOL_IPTABLES_LEGACY)
		return is_ipv4(chain) ? "iptables-legacy" : "ip6tables-legacy";
	return is_ipv4(chain) ? "iptables" : "ip6tables";
}

const char *
remedy_name(const struct cause *cause, struct text *text)
{
	const struct chain *chain = cause->chain;
	const struct rule *rule = cause->rule;

	if (!chain)
		return text_set(text, "no rule");
	if (chain->tool == TOOL_NFT)
		text_set(text, "chain %s of the table %s %s", chain->name,
		    chain->family, chain->table);
	else
		text_set(text, "chain %s of %s table %s", chain->name,
		    iptables_name(chain), chain->table);
	if (!rule)
		return text_add(text, ", policy");
	return rule->handle
	    ? text_add(text, ", rule with handle %" PRIu64, rule->handle)
	    : text_add(text, ", rule %zu", rule->number);
}

/* Whether a chain of its table, which may lead there, knows no conntrack. */
static bool
is_untracked(const struct ruleset *ruleset, const struct chain *chain)
{
	const struct chain *other = ruleset->chains;

	while (other &&
	    (other->tool != chain->tool ||
		strcmp(other->family, chain->family) != 0 ||
		strcmp(other->table, chain->table) != 0 ||
		(other->hook != HOOK_EGRESS &&
		    !chain_precedes_tracking(other))))
		other = other->next;
	return other;
}

/* A blank precedes each part. */
static void
add_match(struct text *command, const struct selection *selection, bool for_nft,
    bool is_tracked)
{
	const char *protocol = selection->family == AF_INET ? " ip" : " ip6";
	const char *start = for_nft ? protocol : "";
	char text[PREFIX_STRLEN];

	if (selection->from)
		text_add(command, "%s %s %s", start, for_nft ? "saddr" : "-s",
		    prefix_format(selection->from, text));
	if (selection->to)
		text_add(command, "%s %s %s", start, for_nft ? "daddr" : "-d",
		    prefix_format(selection->to, text));
	if (selection->port)
		text_add(command, " %s%s %u", for_nft ? "tcp " : "-p tcp --",
		    selection->is_reply ? "sport" : "dport", selection->port);
	/* A shell would take "&" for its own. */
	if (selection->mark && for_nft)
		text_add(command, " meta mark and 0x%" PRIx32 " == 0x%" PRIx32,
		    selection->mask, selection->mark);
	else if (selection->mark)
		text_add(command, " -m mark --mark 0x%" PRIx32 "/0x%" PRIx32,
		    selection->mark, selection->mask);
	if (selection->is_reply && !selection->is_untracked && is_tracked)
		text_add(command, "%s",
		    for_nft ? " ct state established,related"
			    : " -m conntrack --ctstate ESTABLISHED,RELATED");
}

/*
 * "public" of the chains filter_IN_public_allow and, since firewalld 2.5,
 * filter_IN_public_to_HOST, and the policy "p" of filter_FWD_policy_p_deny;
 * neither: the default zone.
 */
static const char *
format_zone(const char *chain, struct text *text)
{
	char part[16], zone[64], *end;
	bool is_policy;

	text_set(text, CHANGE);
	if (sscanf(chain, "%*[a-z]_%15[A-Z]_%63s", part, zone) != 2)
		return text->chars;
	is_policy = !strncmp(zone, "policy_", 7);
	if (!is_policy && !text_lists("|IN|POST|", part))
		return text->chars;
	end = strrchr(zone, '_');
	if (end && text_lists("|_pre|_log|_deny|_allow|_post|", end))
		*end = '\0';
	else if (end && end - zone > 3 && !strcmp(end - 3, "_to_HOST"))
		end[-3] = '\0';
	return is_policy ? text_add(text, " --policy=%s", zone + 7)
			 : text_add(text, " --zone=%s", zone);
}

/*
 * A rule for each prefix would masquerade the users of the other prefixes, so a
 * set has them all; an earlier fix may have made it. IPv6 is masqueraded by a
 * rich rule only: firewalld.zone(5).
 */
static void
add_masquerade(
    struct text *command, const char *zone, const struct selection *selection)
{
	const char *six = selection->family == AF_INET ? "" : "6";
	const char *family = *six ? "ipv6" : "ipv4";
	char users[PREFIX_STRLEN];

	prefix_format(selection->from, users);
	text_add(command,
	    CHANGE " --new-ipset=srcproxy-users%s --type=hash:net "
		   "--option=family=inet%s || :; " CHANGE
		   " --ipset=srcproxy-users%s --add-entry=%s; ",
	    six, six, six, users);
	text_add(command,
	    "%s --remove-masquerade; %s --remove-rich-rule='rule "
	    "family=\"%s\" masquerade'; %s --add-rich-rule='rule "
	    "priority=\"-1\" family=\"%s\" source NOT "
	    "ipset=\"srcproxy-users%s\" masquerade' && firewall-cmd --reload",
	    zone, zone, family, zone, family, six);
}

/*
 * firewalld matches no marks. Packets to addresses that this host does not have
 * reach it only by TPROXY.
 */
static void
add_foreign(
    struct text *command, const char *zone, const struct selection *selection)
{
	const char *six = selection->family == AF_INET ? "" : "6";
	char users[PREFIX_STRLEN];

	prefix_format(selection->from, users);
	text_add(command,
	    CHANGE " --new-ipset=srcproxy-own%s --type=hash:ip "
		   "--option=family=inet%s || :; "
		   "for address in $(ip -%s -o address | "
		   "sed 's/.* inet6\\{0,1\\} \\([^/ ]*\\).*/\\1/'); do " CHANGE
		   " --ipset=srcproxy-own%s --add-entry=$address; done; ",
	    six, six, *six ? six : "4", six);
	text_add(command,
	    "%s --add-rich-rule='rule priority=\"-1\" family=\"%s\" source "
	    "address=\"%s\" destination NOT ipset=\"srcproxy-own%s\" protocol "
	    "value=\"tcp\" accept' && firewall-cmd --reload",
	    zone, *six ? "ipv6" : "ipv4", users, six);
}

static void
add_rich_rule(struct text *command, const struct selection *selection)
{
	char text[PREFIX_STRLEN];

	text_add(command, " --add-rich-rule='rule priority=\"-1\"");
	if (selection->from || selection->to)
		text_add(command, " family=\"%s\"",
		    selection->family == AF_INET ? "ipv4" : "ipv6");
	if (selection->from)
		text_add(command, " source address=\"%s\"",
		    prefix_format(selection->from, text));
	if (selection->to)
		text_add(command, " destination address=\"%s\"",
		    prefix_format(selection->to, text));
	if (selection->port)
		text_add(command, " %sport port=\"%u\" protocol=\"tcp\"",
		    selection->is_reply ? "source-" : "", selection->port);
	text_add(command, " accept' && firewall-cmd --reload");
}

/*
 * firewalld accepts what it forwards by rules of a policy only. Rules of
 * priority -1 come before its others, which may deny.
 */
static void
format_firewalld(const struct chain *chain, const struct selection *selection,
    struct text *command)
{
	struct text text;
	const char *zone = format_zone(chain->name, &text);

	text_set(command, "%s", "");
	if (!strstr(zone, " --policy=") &&
	    (strstr(chain->name, "_FWD_") || strstr(chain->name, "_FORWARD"))) {
		text_add(command,
		    CHANGE " --new-policy=srcproxy || :; " POLICY
			   " --add-ingress-zone=ANY; " POLICY
			   " --add-egress-zone=ANY; " POLICY);
		add_rich_rule(command, selection);
	} else if (!strncmp(chain->name, "nat_", 4) && selection->from) {
		add_masquerade(command, zone, selection);
	} else if (selection->mark && selection->from) {
		add_foreign(command, zone, selection);
	} else {
		text_add(command, "%s", zone);
		add_rich_rule(command, selection);
	}
}

/* The rules in its "before" chains precede those that ufw(8) adds. */
static bool
is_ufw(const struct ruleset *ruleset, const struct chain *chain)
{
	return !strcmp(chain->table, "filter") && is_iptables(ruleset, chain) &&
	    !strstr(chain->name, "-before-") &&
	    (!strncmp(chain->name, "ufw", 3) || chain->hook != HOOK_NONE) &&
	    ruleset_chain(ruleset, chain->tool, chain->family, chain->table,
		is_ipv4(chain) ? "ufw-user-input" : "ufw6-user-input");
}

/* ufw(8) knows no marks, and drops packets to foreign addresses before that. */
static void
format_ufw_file(const struct chain *chain, const struct selection *selection,
    struct text *command)
{
	const char *version = is_ipv4(chain) ? "" : "6";

	text_set(command,
	    "sed -i '/^:ufw%s-before-forward/a -A ufw%s-before-input -p tcp",
	    version, version);
	add_match(command, selection, false, false);
	text_add(command, " -j ACCEPT' /etc/ufw/before%s.rules && ufw reload",
	    version);
}

/* "prepend": a rule that denies may be there already. */
static void
format_ufw(const struct chain *chain, const struct selection *selection,
    struct text *command)
{
	char from[PREFIX_STRLEN] = "any", to[PREFIX_STRLEN] = "any";

	if (selection->from)
		prefix_format(selection->from, from);
	if (selection->to)
		prefix_format(selection->to, to);
	text_set(command, "ufw %sprepend allow %s%sfrom %s",
	    strcasestr(chain->name, "forward") ? "route " : "",
	    strcasestr(chain->name, "output") ? "out " : "",
	    selection->port ? "proto tcp " : "", from);
	if (selection->port && selection->is_reply)
		text_add(command, " port %u", selection->port);
	text_add(command, " to %s", to);
	if (selection->port && !selection->is_reply)
		text_add(command, " port %u", selection->port);
}

static void
format_change(const struct ruleset *ruleset, const struct cause *cause,
    const struct selection *selection, struct text *command)
{
	const struct chain *chain = cause->chain;
	const struct rule *rule = cause->rule;
	bool for_nft = !is_iptables(ruleset, chain);
	bool is_inserted = rule || cause->is_early;

	if (for_nft) {
		text_set(command, "nft %s rule %s ",
		    is_inserted ? "insert" : "add", chain->family);
		text_add_quoted(command, chain->table);
		text_add(command, " ");
	} else {
		text_set(command, "%s -t %s %s ", iptables_name(chain),
		    chain->table, is_inserted ? "-I" : "-A");
	}
	text_add_quoted(command, chain->name);
	if (rule && for_nft)
		text_add(command, " position %" PRIu64, rule->handle);
	else if (rule)
		text_add(command, " %zu", rule->number);
	add_match(command, selection, for_nft, !is_untracked(ruleset, chain));
	if (selection->jump)
		text_add(command, " %s %s", for_nft ? "jump" : "-j",
		    selection->jump);
	else
		text_add(command, "%s", for_nft ? " accept" : " -j ACCEPT");
}

bool
remedy_pass(const struct ruleset *ruleset, const struct cause *cause,
    const struct selection *selection, struct text *command)
{
	const struct chain *chain = cause->chain;

	if (!chain)
		return false;
	if (!strcmp(chain->table, "firewalld") &&
	    (selection->from || selection->to || selection->port))
		format_firewalld(chain, selection, command);
	else if (chain->is_owned)
		return false;
	else if (selection->mark && is_ufw(ruleset, chain))
		format_ufw_file(chain, selection, command);
	else if (is_ufw(ruleset, chain) &&
	    (selection->from || selection->to || selection->port))
		format_ufw(chain, selection, command);
	else
		format_change(ruleset, cause, selection, command);
	return true;
}

bool
remedy_pass_all(const struct ruleset *ruleset, const struct walk *walk,
    const struct selection *selection, struct text *commands)
{
	struct selection selected = *selection;
	struct text command;

	selected.is_untracked =
	    !packet_has(&walk->packet, FIELD_CT_STATE, CT_ESTABLISHED);
	text_set(commands, "%s", "");
	for (size_t i = 0; i < walk->drop_count; i++) {
		/* There the packets have another source already. */
		if (walk->drops[i].chain->hook == HOOK_EGRESS &&
		    walk->changes[FIELD_SADDR].chain && selected.port)
			selected.from = NULL;
		if (!remedy_pass(
			ruleset, &walk->drops[i], &selected, &command)) {
			text_set(commands, "%s", "");
			return false;
		}
		if (!strstr(commands->chars, command.chars))
			text_add(commands, "%s%s", commands->len ? "; " : "",
			    command.chars);
	}
	return commands->len > 0;
}
