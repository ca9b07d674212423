#include "doctor/checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "doctor/return_route.h"
#include "kernel/wildcard_listeners.h"
#include "net/host_address.h"

#define PORTS_MAX 16
#define PORTS_TEXT_MAX_LEN (PORTS_MAX * 8)

/* Users with these source ports get other ports, or are refused. */
static void
check_wildcards(const struct doctor_context *context)
{
	struct findings *findings = context->findings;
	uint16_t ports[PORTS_MAX];
	size_t count = wildcard_listeners_list(ports, PORTS_MAX), len = 0;
	char text[PORTS_TEXT_MAX_LEN] = "";

	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u",
		    i > 0 ? ", " : "", ports[i]);
	if (context->config->source_port == SOURCE_PORT_ANY)
		return;
	if (count == 0)
		finding_ok(findings,
		    "no service listens on all addresses, so users keep "
		    "their source ports");
	else if (context->config->source_port == SOURCE_PORT_STRICT)
		finding_problem(findings, NULL,
		    "let these services listen on specific addresses, "
		    "or set source_port: \"prefer\"",
		    "source_port is \"strict\", so users with these "
		    "source ports are refused, because services listen "
		    "there on all addresses: %s",
		    text);
	else
		finding_note(findings,
		    "users with these source ports get other ones, "
		    "because services listen there on all addresses: %s",
		    text);
}

static void
check_ways_back(const struct doctor_context *context)
{
	const struct prefix_list *list = context->prefixes;
	struct prefix *tried = calloc(list->count + 1, sizeof(*tried));
	size_t count = 0;

	for (size_t i = 0; tried && i < list->count; i++) {
		if (return_route_is_there(context, &list->items[i]))
			tried[count++] = list->items[i];
	}
	return_path_check(context, tried, count);
	free(tried);
}

/* The kinds of finding about own sources. */
static const char named[] = "own source, named", held[] = "own source, held";

/* An own address is permitted if the ACL names exactly it: server.c. */
static void
report_own_source(struct findings *findings, const struct acl_user *user,
    const struct prefix *prefix, const union address *own)
{
	bool is_named = acl_user_names(user, own);
	char text[PREFIX_STRLEN], address[ADDRESS_STRLEN];

	if (!finding_is_shown(findings, is_named ? named : held))
		return;
	prefix_format(prefix, text);
	address_format_host(own, address);
	if (is_named && findings->logged)
		log_warning("own-source user=%s address=%s permitted=yes: this "
			    "host's own address; services that the firewall "
			    "closes to the outside are open to this user",
		    user->name, address);
	else if (findings->logged)
		log_info("own-source user=%s prefix=%s address=%s "
			 "permitted=no",
		    user->name, text, address);
	else if (is_named)
		finding_note(findings,
		    "user %s may send from %s, an address of this host, and so "
		    "reach services that the firewall closes to the outside",
		    user->name, address);
	else
		finding_note(findings,
		    "user %s: the prefix %s includes %s, an address of "
		    "this host, which the user may not send from",
		    user->name, text, address);
}

static void
check_own_sources(struct findings *findings, const struct acl_user *user,
    const struct prefix_list *own)
{
	for (size_t i = 0; i < user->sources.count; i++) {
		const struct prefix *prefix = &user->sources.items[i];
		size_t count;
		const struct prefix *found =
		    host_address_within(own, prefix, &count);

		for (size_t j = 0; j < count; j++)
			report_own_source(
			    findings, user, prefix, &found[j].base);
	}
}

void
doctor_server_check_own_sources(const struct doctor_context *context)
{
	const struct acl *acl = &context->config->acl;
	struct prefix_list own = { 0 };
	int error = acl->user_count > 0 ? host_address_list(&own) : 0;

	for (size_t i = 0; i < acl->user_count && !error; i++)
		check_own_sources(context->findings, &acl->users[i], &own);
	prefix_list_finish(&own);
	if (error)
		finding_problem(context->findings, NULL,
		    "permit netlink to the service "
		    "(RestrictAddressFamilies=AF_NETLINK)",
		    "cannot read this host's own addresses, so users "
		    "are refused whose address may be one of them: %s",
		    strerror(-error));
}

void
doctor_server_look(struct doctor_context *context)
{
	const struct prefix_list *list = context->prefixes;

	if (doctor_context_sees_firewall(context))
		intake_check(context);
	for (size_t i = 0; i < list->count; i++) {
		return_route_check_mark(context, &list->items[i]);
		source_nat_check(context, &list->items[i]);
	}
}

void
doctor_server_check(struct doctor_context *context)
{
	const struct prefix_list *list = context->prefixes;

	return_route_check_routes(context);
	check_ways_back(context);
	if (list->count == 0)
		finding_note(context->findings,
		    "the ACL permits any source address, so the return "
		    "path was not examined: add the users' prefixes to "
		    "the command line");
	check_wildcards(context);
	doctor_server_check_own_sources(context);
}
