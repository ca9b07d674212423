#include "doctor/checks.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

#include "doctor/trace.h"
#include "net/route.h"

/* Hosts have these addresses in addition to their routable ones. */
static bool
is_for_link_only(const union address *address)
{
	static const char *const texts[] = { "169.254.0.0/16", "fe80::/10",
		"fc00::/7", NULL };
	struct prefix prefix;
	bool masked;

	for (const char *const *text = texts; *text; text++) {
		if (!prefix_parse(*text, &prefix, &masked) &&
		    prefix_contains(&prefix, address))
			return true;
	}
	return false;
}

/*
 * Returns the interface if these users are on its link. Returns 0 if a router
 * is between, or if the default route uses that link as well.
 */
static uint32_t
find_interface(const struct prefix *prefix)
{
	const union address user = trace_user(prefix);
	const union address external = trace_external(user.any.sa_family);
	struct route route;

	if (route_find(&user, 0, &route) || route.is_local ||
	    route.gateway.any.sa_family != AF_UNSPEC ||
	    route_leads_to(&external, route.interface))
		return 0;
	return route.interface;
}

/*
 * Delegated prefixes are IPv6. An IPv4 address counts only if IPv4 users are on
 * its link: other hosts there may be behind NAT.
 */
static bool
has_users(const struct prefix_list *users, uint32_t interface, int family)
{
	for (size_t i = 0; i < users->count; i++) {
		const struct prefix *prefix = &users->items[i];

		if ((family == AF_INET6 ||
			prefix->base.any.sa_family == family) &&
		    find_interface(prefix) == interface)
			return true;
	}
	return false;
}

/* Whether some users' prefix of that family leads to the interface. */
static bool
leads_to(const struct prefix_list *users, uint32_t interface, int family)
{
	for (size_t i = 0; i < users->count; i++) {
		const union address user = trace_user(&users->items[i]);

		if (user.any.sa_family == family &&
		    route_leads_to(&user, interface))
			return true;
	}
	return false;
}

/* The provider has given them another one in place of the old one. */
static void
report_renumbered(const struct doctor_context *context, const char *name,
    const union address *address)
{
	char text[ADDRESS_STRLEN];

	finding_problem(context->findings, NULL,
	    "add the prefix to inbound.users, restart the client half, and "
	    "run srcproxy rules again; the exit needs the prefix as well",
	    "the users' link %s has the address %s, and no prefix of "
	    "inbound.users is on this link (%s) any more: connections from "
	    "the users' new addresses are not redirected",
	    name, address_format_host(address, text),
	    address->any.sa_family == AF_INET ? "IPv4" : "IPv6");
}

static void
check_address(const struct doctor_context *context, const char *name,
    const union address *address)
{
	const struct prefix_list *users = &context->config->users;
	uint32_t interface = if_nametoindex(name);
	int family = address->any.sa_family;
	char text[ADDRESS_STRLEN];

	if (is_for_link_only(address) || prefix_list_contains(users, address) ||
	    !has_users(users, interface, family))
		return;
	if (prefix_list_has_family(users, family) &&
	    !leads_to(users, interface, family)) {
		report_renumbered(context, name, address);
		return;
	}
	finding_note(context->findings,
	    "the users' link %s has the address %s, which is in no prefix of "
	    "inbound.users: if the users' prefix has changed, add it there",
	    name, address_format_host(address, text));
}

void
user_link_check(const struct doctor_context *context)
{
	struct ifaddrs *list = NULL;

	if (context->config->users.count == 0 || getifaddrs(&list))
		return;
	for (const struct ifaddrs *entry = list; entry;
	     entry = entry->ifa_next) {
		union address address = { .any.sa_family = AF_UNSPEC };

		if (!entry->ifa_addr ||
		    (entry->ifa_addr->sa_family != AF_INET &&
			entry->ifa_addr->sa_family != AF_INET6))
			continue;
		address.any.sa_family = entry->ifa_addr->sa_family;
		memcpy(&address, entry->ifa_addr, address_len(&address));
		check_address(context, entry->ifa_name, &address);
	}
	freeifaddrs(list);
}
