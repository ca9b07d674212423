#include "doctor/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "config/user_prefixes.h"
#include "doctor/client.h"
#include "doctor/client_to_server.h"
#include "doctor/host.h"
#include "doctor/leg.h"
#include "doctor/return_route.h"
#include "doctor/server.h"
#include "doctor/socket_options.h"
#include "firewall/ruleset.h"
#include "kernel/capture.h"
#include "kernel/netlink.h"
#include "kernel/sysctl.h"
#include "process/limits.h"
#include "process/privilege.h"
#include "proxy/role.h"

#define COMMAND_MAX_LEN 1024

struct commands {
	char rules[COMMAND_MAX_LEN], simple[COMMAND_MAX_LEN];
};

/* Where ruleset_read looks, too. */
static bool
is_installed(const char *program)
{
	const char *path = getenv("PATH");
	char folders[COMMAND_MAX_LEN], file[2 * COMMAND_MAX_LEN], *rest;

	snprintf(
	    folders, sizeof(folders), "/usr/sbin:/sbin:%s", path ? path : "");
	for (char *folder = strtok_r(folders, ":", &rest); folder;
	     folder = strtok_r(NULL, ":", &rest)) {
		snprintf(file, sizeof(file), "%s/%s", folder, program);
		if (!access(file, X_OK))
			return true;
	}
	return false;
}

/* For sh(1). Cut off where there is no room. */
static void
quote(const char *path, char quoted[COMMAND_MAX_LEN])
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789/._-+:=@%,";
	size_t len = 0;

	if (!path[strspn(path, plain)]) {
		snprintf(quoted, COMMAND_MAX_LEN, "%s", path);
		return;
	}
	quoted[len++] = '\'';
	for (; *path && len < COMMAND_MAX_LEN - 8; path++)
		len += (size_t)sprintf(
		    quoted + len, *path == '\'' ? "'\\''" : "%c", *path);
	strcpy(quoted + len, "'");
}

static void
format_command(char *command, const char *option, const char *half,
    const char *path, char *const *texts)
{
	size_t len = (size_t)snprintf(command, COMMAND_MAX_LEN,
	    "srcproxy rules %s%s %s", option, half, path);

	for (; *texts && len < COMMAND_MAX_LEN; texts++)
		len += (size_t)snprintf(
		    command + len, COMMAND_MAX_LEN - len, " %s", *texts);
	if (len < COMMAND_MAX_LEN)
		snprintf(command + len, COMMAND_MAX_LEN - len, " | sh");
}

/* What points to commands is good as long as they are. */
static void
begin(struct doctor_context *context, struct commands *commands,
    const char *path, char *const *texts)
{
	bool is_client = context->config->kind == CONFIG_CLIENT;
	const char *half = is_client ? "client" : "server";
	bool has_nft = is_installed("nft") || !is_installed("iptables");
	char quoted[COMMAND_MAX_LEN];

	quote(path, quoted);
	format_command(
	    commands->rules, has_nft ? "" : "--iptables ", half, quoted, texts);
	format_command(commands->simple, "--simple ", half, quoted, texts);
	context->rules = commands->rules;
	context->simple_rules = commands->simple;
}

static void
read_firewall(struct doctor_context *context)
{
	static const int families[] = { AF_INET, AF_INET6 };
	bool is_missed = false;

	for (size_t i = 0; i < 2; i++) {
		context->firewall[i] = ruleset_read(families[i]);
		is_missed |= !context->firewall[i] &&
		    prefix_list_has_family(context->prefixes, families[i]);
	}
	if (is_missed || (!context->firewall[0] && !context->firewall[1]))
		finding_note(context->findings,
		    "the firewall could not be looked at: that takes root, "
		    "and nft or iptables");
}

/* The firewall, mostly; and what is used later, and opened now. */
static void
look_as_root(struct doctor_context *context)
{
	limits_raise_descriptors();
	read_firewall(context);
	context->packet_fd = capture_open();
	doctor_host_look(context);
	doctor_leg_look(context);
	if (context->config->kind == CONFIG_CLIENT) {
		doctor_client_look(context);
		client_to_server_look(context);
	} else {
		doctor_server_look(context);
	}
}

/* As the half does it. */
static int
become(const struct config *config, const struct privilege *privilege)
{
	const struct role *role =
	    config->kind == CONFIG_SERVER ? &server_role : &client_role;
	uint64_t capabilities = role->capabilities(config);

	return privilege ? privilege_drop(privilege, capabilities)
			 : privilege_trim(capabilities);
}

/* For a reload; root has read it before. */
static void
check_file(const struct doctor_context *context, const char *path)
{
	char fix[2 * COMMAND_MAX_LEN + 64], quoted[COMMAND_MAX_LEN];

	quote(path, quoted);
	snprintf(fix, sizeof(fix), "chgrp %u %s && chmod 640 %s", getegid(),
	    quoted, quoted);
	if (access(path, R_OK))
		finding_problem(context->findings, fix,
		    "uid %u, gid %u cannot read the configuration again, for "
		    "a reload: %s: %s",
		    getuid(), getegid(), path, strerror(errno));
	else
		finding_ok(context->findings,
		    "uid %u, gid %u can read the configuration", getuid(),
		    getegid());
}

static void
examine(const struct doctor_context *context)
{
	doctor_host_check(context);
	socket_options_check(context);
	doctor_leg_check(context);
	if (context->config->kind == CONFIG_CLIENT) {
		doctor_client_check(context);
		client_to_server_check(context);
	} else {
		doctor_server_check(context);
	}
}

/*
 * Families are independent: IPv4 users are served without IPv6. False: there is
 * nothing to examine then, as nobody is left.
 */
static bool
leave_out_ipv6(struct findings *findings, struct prefix_list *prefixes)
{
	long off;

	if (!prefix_list_has_family(prefixes, AF_INET6) ||
	    !sysctl_disables_ipv6())
		return true;
	prefix_list_remove_family(prefixes, AF_INET6);
	if (prefixes->count > 0)
		finding_note(findings,
		    "IPv6 is disabled here: only IPv4 users are served, and "
		    "examined");
	else
		finding_problem(findings,
		    sysctl_read("ipv6/conf/lo/disable_ipv6", &off)
			? "sysctl -w net.ipv6.conf.all.disable_ipv6=0, then "
			  "give this host its IPv6 addresses again"
			: "boot without ipv6.disable=1",
		    "IPv6 is disabled here, and all users have IPv6 addresses");
	return prefixes->count > 0;
}

int
doctor_run(const struct config *config, const char *path, char *const *texts,
    const struct privilege *privilege)
{
	struct findings findings = { .logged = false };
	struct prefix_list prefixes = { 0 };
	struct commands commands;
	struct doctor_context context = {
		.config = config,
		.prefixes = &prefixes,
		.findings = &findings,
		.packet_fd = -1,
	};
	int error = user_prefixes_collect(config, texts, false, &prefixes);

	if (!error && !leave_out_ipv6(&findings, &prefixes)) {
		prefix_list_finish(&prefixes);
		return 1;
	}
	begin(&context, &commands, path, texts);
	log_set_level(LOG_LEVEL_ERROR);
	if (!error) {
		look_as_root(&context);
		error = become(config, privilege);
	}
	if (!error && privilege)
		check_file(&context, path);
	if (!error)
		examine(&context);
	if (context.packet_fd >= 0)
		close(context.packet_fd);
	free(context.firewall[0]);
	free(context.firewall[1]);
	prefix_list_finish(&prefixes);
	return error ? error : findings.any_problem;
}

void
doctor_warn(const struct config *config, const char *path)
{
	struct findings findings = { .logged = true };
	struct prefix_list prefixes = { 0 };
	struct commands commands;
	struct doctor_context context = {
		.config = config,
		.prefixes = &prefixes,
		.findings = &findings,
	};
	char *const none[] = { NULL };

	if (!netlink_is_permitted()) {
		log_warning("AF_NETLINK is not permitted here, so the routes "
			    "are not looked at; add it to "
			    "RestrictAddressFamilies= of the unit");
		return;
	}
	begin(&context, &commands, path, none);
	if (user_prefixes_collect(config, none, false, &prefixes) == 0 &&
	    leave_out_ipv6(&findings, &prefixes)) {
		if (config->kind == CONFIG_CLIENT)
			client_to_server_check_loop(&context);
		else
			return_route_check_routes(&context);
	}
	if (config->kind == CONFIG_SERVER)
		doctor_server_check_own_sources(&context);
	prefix_list_finish(&prefixes);
}
