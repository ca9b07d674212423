#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/text.h"
#include "firewall/iptables.h"
#include "firewall/ruleset.h"

#define COMMAND_MAX_LEN 256
#define NAME_LEN 256

#define PATH "PATH=$PATH:/usr/sbin:/sbin; "
#define NOT_FOUND 127 /* of sh(1) */

static const struct {
	const char *name, *tool, *tables;
} families[] = {
	{ "ip", "iptables", "/proc/net/ip_tables_names" },
	{ "ip6", "ip6tables", "/proc/net/ip6_tables_names" },
};

/* Returns the output, or NULL. status: see wait(2); -1: it did not run. */
static char *
run(const char *command, int *status)
{
	/* No part of it comes from outside. NOLINTNEXTLINE(cert-env33-c) */
	FILE *file = popen(command, "re");
	char *text = NULL;
	size_t size = 0;

	if (file && getdelim(&text, &size, '\0', file) < 0 && text)
		*text = '\0';
	*status = file ? pclose(file) : -1;
	return text;
}

/* The variants' names differ; the first line of the output tells which ran. */
static bool
add_saved(struct ruleset *ruleset, size_t family, enum tool tool)
{
	const char *name = families[family].tool;
	bool is_nft = tool == TOOL_IPTABLES_NFT;
	char command[COMMAND_MAX_LEN], *text, *translation = NULL;
	int status;
	bool is_added;

	snprintf(command, sizeof(command),
	    PATH "{ %s-%s-save || %s-save; } 2>/dev/null", name,
	    is_nft ? "nft" : "legacy", name);
	text = run(command, &status);
	if (text && status == 0 && *text == '#' &&
	    !memmem(text, strcspn(text, "\n"), "nf_tables", 9) == !is_nft)
		translation = iptables_translate(families[family].name, text);
	is_added = translation &&
	    ruleset_add(ruleset, tool, translation, strlen(translation));
	free(text);
	free(translation);
	return is_added;
}

/* The kernel lists the tables that legacy tools have made. */
static bool
has_legacy(size_t family)
{
	FILE *file = fopen(families[family].tables, "re");
	bool has_any = file && fgetc(file) != EOF;

	if (file)
		fclose(file);
	return has_any;
}

static bool
needs_devices(const struct ruleset *ruleset)
{
	const struct chain *chain = ruleset->chains;

	while (chain &&
	    (chain->devices ||
		(chain->hook != HOOK_INGRESS && chain->hook != HOOK_EGRESS)))
		chain = chain->next;
	return chain;
}

/*
 * nft before 1.1 leaves the devices of a chain out of its JSON. Its text has
 * them: 'device "eth0"', or 'devices = { eth0, "eth1" }'.
 */
static void
add_devices(struct ruleset *ruleset)
{
	int status;
	char *text = run(PATH "nft list chains 2>/dev/null", &status), *rest;
	char *line = text ? strtok_r(text, "\n", &rest) : NULL;
	char family[16] = "", table[NAME_LEN] = "", chain[NAME_LEN] = "";
	struct text out = { 0 };

	for (; line; line = strtok_r(NULL, "\n", &rest)) {
		char *device = strstr(line, " device"), *name, *next;
		char *end = device ? strstr(device, " priority") : NULL;

		sscanf(line, "table %15s %255s", family, table);
		sscanf(line, " chain %255s", chain);
		if (!end)
			continue;
		*end = '\0';
		text_add(&out, "%s{chain:{family:'%s',table:'%s',name:'%s',",
		    out.len ? "," : "{nftables:[", family, table, chain);
		strtok_r(device, " ={},\"", &next);
		for (text_add(&out, "dev:[");
		     (name = strtok_r(NULL, " ={},\"", &next));)
			text_add(&out, "'%s',", name);
		text_add(&out, "]}}");
	}
	text_add(&out, "]}");
	ruleset_add(ruleset, TOOL_NFT, out.chars, out.len);
	free(text);
}

static const char *
explain(const char *text, int status)
{
	if (WIFSIGNALED(status) || status < 0)
		return "nft list ruleset was ended by a signal";
	if (WEXITSTATUS(status) == NOT_FOUND)
		return "neither nft nor iptables-nft-save is there";
	if (status)
		return "nft list ruleset failed, as it does without root";
	return text && *text ? "nft list ruleset printed no JSON"
			     : "nft list ruleset printed nothing";
}

struct ruleset *
ruleset_create(void)
{
	struct ruleset *ruleset = calloc(1, sizeof(*ruleset));
	int status;
	char *text;
	bool is_missing, is_read = false;

	if (!ruleset)
		return NULL;
	text = run(PATH "exec nft -n -j list ruleset 2>/dev/null", &status);
	is_missing = WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND;
	for (size_t i = 0; i < 2; i++) {
		if (is_missing || (text && strstr(text, "\"xt\"")))
			is_read |= add_saved(ruleset, i, TOOL_IPTABLES_NFT);
		if (has_legacy(i) &&
		    !add_saved(ruleset, i, TOOL_IPTABLES_LEGACY))
			ruleset->blind = "iptables-legacy-save cannot be run";
	}
	if (is_missing ? !is_read
		       : status || !text ||
		    !ruleset_add(ruleset, TOOL_NFT, text, strlen(text)))
		ruleset->blind = explain(text, status);
	else if (needs_devices(ruleset))
		add_devices(ruleset);
	free(text);
	return ruleset;
}
