#include "doctor/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "config/user_prefixes.h"
#include "doctor/checks.h"
#include "doctor/return_route.h"
#include "doctor/user_route.h"
#include "kernel/capture.h"
#include "kernel/sysctl.h"
#include "net/netlink.h"
#include "process/limits.h"
#include "process/privilege.h"
#include "proxy/role.h"

struct commands {
	struct text rules, simple;
};

/* Searches the folders that ruleset_create() searches. */
static bool
is_installed(const char *program)
{
	const char *path = getenv("PATH");
	struct text folders, file;
	char *rest;

	text_set(&folders, "/usr/sbin:/sbin:%s", path ? path : "");
	for (char *folder = strtok_r(folders.chars, ":", &rest); folder;
	     folder = strtok_r(NULL, ":", &rest)) {
		if (!access(text_set(&file, "%s/%s", folder, program), X_OK))
			return true;
	}
	return false;
}

/* Without prefixes on its command line, rules needs those of all users. */
static void
format_command(struct text *command, const char *option,
    const struct doctor_context *context, const char *path, char *const *texts)
{
	const struct prefix_list *list = context->prefixes;
	const struct config *config = context->config;
	bool is_complete = *texts || user_prefixes_are_known(config);
	char prefix[PREFIX_STRLEN];

	text_set(command, "srcproxy rules %s%s ", option,
	    config->kind == CONFIG_CLIENT ? "client" : "server");
	text_add_quoted(command, path);
	for (; *texts; texts++)
		text_add(command, " %s", *texts);
	for (size_t i = 0; i < list->count && !is_complete; i++)
		text_add(
		    command, " %s", prefix_format(&list->items[i], prefix));
	text_add(command, " | sh");
}

/*
 * The context points into *commands, which must live as long. The caller ends
 * it.
 */
static void
begin(struct doctor_context *context, struct commands *commands,
    const char *path, char *const *texts)
{
	struct text options;

	context->has_nft = is_installed("nft") || !is_installed("iptables");
	text_set(&options, "%s%s", context->has_nft ? "" : "--iptables ",
	    doctor_client_has_own(context) ? "--output " : "");
	format_command(&commands->rules, options.chars, context, path, texts);
	format_command(&commands->simple, "--simple ", context, path, texts);
	context->rules = commands->rules.chars;
	context->simple_rules = commands->simple.chars;
	routing_rules_init(&context->routing[0], AF_INET);
	routing_rules_init(&context->routing[1], AF_INET6);
}

static void
end(struct doctor_context *context)
{
	routing_rules_finish(&context->routing[0]);
	routing_rules_finish(&context->routing[1]);
	ruleset_destroy(context->ruleset);
}

static void
read_firewall(struct doctor_context *context)
{
	const char *why = "no memory is left";

	context->ruleset = ruleset_create();
	if (context->ruleset)
		why = context->ruleset->blind;
	if (why)
		finding_note(context->findings,
		    "the firewall was not examined: %s", why);
}

/* Becomes the user that the half becomes, in the same way. */
static int
become(const struct config *config, const struct privilege *privilege)
{
	const struct role *role =
	    config->kind == CONFIG_SERVER ? &server_role : &client_role;
	uint64_t capabilities = role->capabilities(config);

	return privilege ? privilege_drop(privilege, capabilities)
			 : privilege_trim(capabilities);
}

/* Whether this user may search the folders that the file is in. */
static bool
can_search(const char *path)
{
	struct text folder;
	char *end;

	text_set(&folder, "%s%s", *path == '/' ? "" : "./", path);
	end = strrchr(folder.chars, '/');
	end[1] = '\0';
	return !access(folder.chars, X_OK);
}

/* A reload reads the file as this user; the first read was root's. */
static void
check_file(const struct doctor_context *context, const char *path)
{
	struct text quoted = { 0 }, fix;

	text_add_quoted(&quoted, path);
	text_set(&fix, "chgrp %u %s && chmod 640 %s", getegid(), quoted.chars,
	    quoted.chars);
	if (access(path, R_OK))
		finding_problem(context->findings,
		    can_search(path) ? fix.chars : NULL,
		    "let this user search the folders of that path, or move "
		    "the file to a folder that all may search, such as "
		    "/etc/srcproxy",
		    "a reload would fail, because uid %u, gid %u cannot "
		    "read the configuration %s: %s",
		    getuid(), getegid(), path, strerror(errno));
	else
		finding_ok(context->findings,
		    "uid %u, gid %u can read the configuration", getuid(),
		    getegid());
}

enum stage { STAGE_ROOT, STAGE_USER }; /* as root; as the half's user */
enum who { WHO_CLIENT = 1, WHO_SERVER = 2, WHO_BOTH = 3 };

static const struct {
	enum stage stage;
	enum who who;
	void (*check)(struct doctor_context *context);
} checks[] = {
	{ STAGE_ROOT, WHO_BOTH, read_firewall },
	{ STAGE_ROOT, WHO_BOTH, doctor_leg_look },
	{ STAGE_ROOT, WHO_CLIENT, doctor_client_look },
	{ STAGE_ROOT, WHO_CLIENT, client_to_server_look },
	{ STAGE_ROOT, WHO_SERVER, doctor_server_look },
	{ STAGE_USER, WHO_BOTH, doctor_host_check },
	{ STAGE_USER, WHO_BOTH, forwarding_check },
	{ STAGE_USER, WHO_BOTH, doctor_leg_check },
	{ STAGE_USER, WHO_CLIENT, doctor_client_check },
	{ STAGE_USER, WHO_CLIENT, client_to_server_check },
	{ STAGE_USER, WHO_CLIENT, user_route_check_arrivals },
	{ STAGE_USER, WHO_SERVER, doctor_server_check },
};

static void
examine(struct doctor_context *context, enum stage stage)
{
	enum who who =
	    context->config->kind == CONFIG_CLIENT ? WHO_CLIENT : WHO_SERVER;

	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		if (checks[i].stage == stage && (checks[i].who & who))
			checks[i].check(context);
	}
}

/*
 * Families are independent: IPv4 users are served without IPv6. False: no users
 * are left, so there is nothing to examine.
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
		    "IPv6 is disabled on this host: only IPv4 users are "
		    "served and examined");
	else
		finding_problem(findings, NULL,
		    sysctl_read("ipv6/conf/lo/disable_ipv6", &off)
			? "sysctl -w net.ipv6.conf.all.disable_ipv6=0, and "
			  "then set up this host's IPv6 addresses and routes "
			  "again"
			: "boot the kernel without ipv6.disable=1",
		    "IPv6 is disabled on this host, and all users have "
		    "IPv6 addresses");
	return prefixes->count > 0;
}

/* Opens the packet socket first, because only root may. */
static int
examine_both(struct doctor_context *context, const char *path,
    const struct privilege *privilege)
{
	int error;

	limits_raise_descriptors();
	context->packet_fd = capture_open();
	context->arrivals_fd = capture_open();
	capture_begin(context->arrivals_fd);
	examine(context, STAGE_ROOT);
	error = become(context->config, privilege);
	if (!error && privilege)
		check_file(context, path);
	if (!error)
		examine(context, STAGE_USER);
	if (context->packet_fd >= 0)
		close(context->packet_fd);
	if (context->arrivals_fd >= 0)
		close(context->arrivals_fd);
	return error;
}

int
doctor_run(const struct config *config, const struct doctor_request *request,
    const struct privilege *privilege)
{
	struct findings *findings = request->findings;
	struct prefix_list prefixes = { 0 };
	struct commands commands;
	struct doctor_context context = {
		.config = config,
		.prefixes = &prefixes,
		.findings = findings,
		.packet_fd = -1,
		.arrivals_fd = -1,
	};
	int error =
	    user_prefixes_collect(config, request->prefixes, false, &prefixes);

	log_set_level(LOG_LEVEL_ERROR);
	if (!error && leave_out_ipv6(findings, &prefixes)) {
		begin(&context, &commands, request->path, request->prefixes);
		error = examine_both(&context, request->path, privilege);
		end(&context);
	}
	if (!error)
		finding_finish(findings);
	prefix_list_finish(&prefixes);
	return error ? error : findings->any_problem;
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
			    "are not examined; add it to "
			    "RestrictAddressFamilies= of the unit");
		return;
	}
	if (user_prefixes_collect(config, none, false, &prefixes) == 0 &&
	    leave_out_ipv6(&findings, &prefixes)) {
		begin(&context, &commands, path, none);
		if (config->kind == CONFIG_CLIENT)
			client_to_server_check_own(&context);
		else
			return_route_check_routes(&context);
		end(&context);
	}
	if (config->kind == CONFIG_SERVER)
		doctor_server_check_own_sources(&context);
	finding_finish(&findings);
	prefix_list_finish(&prefixes);
}

void
doctor_warn_again(const struct config *config)
{
	struct findings findings = { .logged = true };
	struct doctor_context context = {
		.config = config,
		.findings = &findings,
	};

	if (config->kind == CONFIG_SERVER)
		doctor_server_check_own_sources(&context);
	finding_finish(&findings);
}
