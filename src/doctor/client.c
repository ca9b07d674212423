#include "doctor/client.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "doctor/external.h"
#include "doctor/user_link.h"
#include "firewall/redirect.h"
#include "firewall/remedy.h"
#include "kernel/route.h"

#define PORT 443
#define FIX_MAX_LEN 64
#define COMMAND_MAX_LEN 256

/* A link-local one will do: REDIRECT takes it where there is no other. */
static bool
has_address(const char *interface, int family)
{
	struct ifaddrs *list = NULL;
	bool found = false;

	if (getifaddrs(&list))
		return true;
	for (struct ifaddrs *entry = list; entry && !found;
	     entry = entry->ifa_next) {
		found = entry->ifa_addr &&
		    !strcmp(entry->ifa_name, interface) &&
		    entry->ifa_addr->sa_family == family;
	}
	freeifaddrs(list);
	return found;
}

static bool
is_for_all(const struct endpoint *listen)
{
	return !*listen->host ||
	    (listen->address.any.sa_family != AF_UNSPEC &&
		address_is_unspecified(&listen->address));
}

/* REDIRECT takes the interface's address, and drops where it has none. */
static void
check_user_interface(const struct doctor_context *context, const char *prefix,
    int family, uint32_t index)
{
	const struct endpoint *listen = &context->config->listen;
	char name[IF_NAMESIZE] = "", fix[FIX_MAX_LEN];

	if_indextoname(index, name);
	if (!is_for_all(listen) || has_address(name, family)) {
		finding_ok(context->findings,
		    "%s: there is a route to these users", prefix);
		return;
	}
	snprintf(fix, sizeof(fix), "ip address add ADDRESS dev %s", name);
	finding_problem(context->findings, fix,
	    "%s: these users come in by %s, which has no %s address that they "
	    "could be redirected to",
	    prefix, name, family == AF_INET ? "IPv4" : "IPv6");
}

static bool
find_route(
    const struct prefix *prefix, union address *user, struct route *route)
{
	prefix_sample(prefix, user);
	address_set_port(user, PORT);
	return route_find(user, 0, route) == 0;
}

static bool
is_same_gateway(const union address *a, const union address *b)
{
	return a->any.sa_family == b->any.sa_family &&
	    (a->any.sa_family == AF_UNSPEC || address_same_host(a, b));
}

/* Like all the world, which says nothing of where these users are. */
static bool
is_by_default(int family, const struct route *route)
{
	union address external;
	struct route other;

	external_sample(family, &external);
	return route_find(&external, 0, &other) == 0 &&
	    other.interface == route->interface &&
	    is_same_gateway(&other.gateway, &route->gateway);
}

static void
report_by_default(const struct doctor_context *context, const char *prefix,
    uint32_t interface)
{
	char name[IF_NAMESIZE] = "";

	if_indextoname(interface, name);
	finding_note(context->findings,
	    "%s: only the default route leads to these users, through %s: if "
	    "they come in by another link, it has no route to them",
	    prefix, name);
}

static void
check_user_route(
    const struct doctor_context *context, const struct prefix *prefix)
{
	union address user;
	struct route route;
	char text[PREFIX_STRLEN];

	prefix_format(prefix, text);
	if (find_route(prefix, &user, &route)) {
		int family = user.any.sa_family;

		check_user_interface(context, text, family, route.interface);
		if (is_by_default(family, &route))
			report_by_default(context, text, route.interface);
	} else {
		finding_problem(context->findings,
		    "ip route add PREFIX dev INTERFACE, towards the users",
		    "%s: there is no route to these users, so nothing can be "
		    "answered",
		    text);
	}
}

/* Where they are answered, they come from: NULL if that cannot be told. */
static const char *
find_interface(const struct prefix *prefix, char name[IF_NAMESIZE])
{
	union address user;
	struct route route;

	if (!find_route(prefix, &user, &route) || route.is_local ||
	    is_by_default(user.any.sa_family, &route))
		return NULL;
	return if_indextoname(route.interface, name);
}

static void
report_untracked(const struct doctor_context *context,
    const struct prefix *prefix, const char *rules)
{
	char text[PREFIX_STRLEN], fix[COMMAND_MAX_LEN];

	strcpy(fix, "let no notrack rule match them");
	remedy_find_untracked(rules, prefix, fix, sizeof(fix));
	finding_problem(context->findings, fix,
	    "%s: a rule keeps the firewall from tracking the connections of "
	    "these users (notrack), without which it redirects none",
	    prefix_format(prefix, text));
}

static void
check_redirection(const struct doctor_context *context,
    const struct prefix *prefix, const char *rules)
{
	struct findings *findings = context->findings;
	uint16_t port = context->config->listen.port;
	char text[PREFIX_STRLEN], name[IF_NAMESIZE];
	const char *interface = find_interface(prefix, name);

	prefix_format(prefix, text);
	switch (redirect_find(rules, port, prefix, interface)) {
	case REDIRECTION_NONE:
		finding_problem(findings, context->rules,
		    "%s: no rule of the firewall redirects to port %u", text,
		    port);
		break;
	case REDIRECTION_UNUSED:
		finding_problem(findings, context->rules,
		    "%s: a rule of the firewall redirects to port %u, but "
		    "these users do not get there: another rule in front "
		    "returns or accepts them, or no rule leads to its chain",
		    text, port);
		break;
	case REDIRECTION_OTHERS:
		finding_problem(findings, context->rules,
		    "%s: rules of the firewall redirect to port %u, but not "
		    "all of these users%s%s",
		    text, port, interface ? ", who come in by " : "",
		    interface ? interface : "");
		break;
	case REDIRECTION_UNTRACKED:
		report_untracked(context, prefix, rules);
		break;
	case REDIRECTION_ALL:
		finding_ok(findings, "%s: the firewall redirects to port %u",
		    text, port);
		break;
	}
}

static void
check_firewall(const struct doctor_context *context, int family)
{
	const struct prefix_list *list = context->prefixes;
	const char *rules = doctor_context_firewall(context, family);

	for (size_t i = 0; i < list->count && rules; i++) {
		if (list->items[i].base.any.sa_family == family)
			check_redirection(context, &list->items[i], rules);
	}
}

/* A user whose first and other addresses are this host's own. */
static bool
is_this_host(const struct prefix *prefix)
{
	union address first, other;

	prefix_sample_first(prefix, &first);
	prefix_sample(prefix, &other);
	return route_ends_here(&first) > 0 && route_ends_here(&other) > 0;
}

/* Nothing that comes in by a link may go to a loopback address. */
static void
report_loopback(const struct doctor_context *context, int family)
{
	const struct prefix_list *list = context->prefixes;
	uint16_t port = context->config->listen.port;
	char text[PREFIX_STRLEN], fix[FIX_MAX_LEN];

	for (size_t i = 0; i < list->count; i++) {
		const struct prefix *prefix = &list->items[i];

		if (prefix->base.any.sa_family != family ||
		    is_this_host(prefix))
			continue;
		snprintf(fix, sizeof(fix), "write inbound: { listen: \":%u\" }",
		    port);
		finding_problem(context->findings, fix,
		    "%s: inbound.listen is a loopback address, where nobody "
		    "but this host itself can be redirected to",
		    prefix_format(prefix, text));
		return;
	}
	finding_note(context->findings,
	    "inbound.listen is a loopback address (%s): only this host's own "
	    "connections can be redirected there",
	    family == AF_INET ? "IPv4" : "IPv6");
}

/* [::] listens for both. */
static void
check_listener(const struct doctor_context *context, int family)
{
	const struct endpoint *listen = &context->config->listen;
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	bool has_any = false, has_outside = false;
	size_t count;

	if (!prefix_list_has_family(context->prefixes, family) ||
	    endpoint_resolve(listen, addresses, &count))
		return;
	for (size_t i = 0; i < count; i++) {
		bool is_one = addresses[i].any.sa_family == family ||
		    (addresses[i].any.sa_family == AF_INET6 &&
			address_is_unspecified(&addresses[i]));

		has_any |= is_one;
		has_outside |= is_one && !address_is_loopback(&addresses[i]);
	}
	if (!has_any)
		finding_problem(context->findings,
		    "write \":PORT\" there, which listens for both",
		    "inbound.listen has no %s address, as some users have",
		    family == AF_INET ? "IPv4" : "IPv6");
	else if (!has_outside)
		report_loopback(context, family);
}

void
doctor_client_look(const struct doctor_context *context)
{
	check_firewall(context, AF_INET);
	check_firewall(context, AF_INET6);
}

void
doctor_client_check(const struct doctor_context *context)
{
	const struct prefix_list *list = context->prefixes;

	for (size_t i = 0; i < list->count; i++)
		check_user_route(context, &list->items[i]);
	check_listener(context, AF_INET);
	check_listener(context, AF_INET6);
	user_link_check(context);
	if (list->count == 0)
		finding_note(context->findings,
		    "set inbound.users, or name the users' prefixes, and the "
		    "firewall and a request to the server half are examined, "
		    "too");
}
