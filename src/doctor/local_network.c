#include "doctor/checks.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "config/special_purpose.h"
#include "doctor/trace.h"
#include "doctor/user_route.h"
#include "net/route.h"

#define PORT 443
#define TEXT_LEN (ADDRESS_STRLEN + 8)

/* False: the interface has no network with other hosts. */
static bool
find_network(const struct ifaddrs *entry, struct prefix *network)
{
	union address address = { .any = *entry->ifa_addr }, mask = address;
	char text[ADDRESS_STRLEN], block[TEXT_LEN];
	unsigned bit_count = 0;
	const uint8_t *raw;
	bool masked;
	size_t len;

	memcpy(&address, entry->ifa_addr, address_len(&address));
	memcpy(&mask, entry->ifa_netmask, address_len(&mask));
	raw = address_raw(&mask, &len);
	for (size_t i = 0; i < len; i++)
		bit_count += (unsigned)__builtin_popcount(raw[i]);
	snprintf(block, sizeof(block), "%s/%u",
	    address_format_host(&address, text), bit_count);
	return !special_purpose_find(&address, &bit_count) &&
	    !prefix_parse(block, network, &masked) &&
	    !prefix_is_single(network);
}

/* Follows a user's connection to that network. */
static bool
is_redirected(const struct doctor_context *context, const struct prefix *users,
    const struct prefix *network)
{
	const union address user = trace_user(users);
	union address host = prefix_sample(network);
	char link[IF_NAMESIZE];
	struct walk walk;

	address_set_port(&host, PORT);
	if (user.any.sa_family != host.any.sa_family ||
	    !route_find_link(&user, link))
		return false;
	trace_begin(&walk, &user, &host, IPPROTO_TCP, link);
	walk_through(&walk, context->ruleset, HOOK_PREROUTING);
	return packet_has(&walk.packet,
	    context->config->mode == INBOUND_TPROXY ? FIELD_TPROXY_PORT
						    : FIELD_DPORT,
	    context->config->listen.port);
}

static void
check_network(const struct doctor_context *context, const char *link,
    const struct prefix *network)
{
	const struct prefix_list *users = context->prefixes;
	char text[PREFIX_STRLEN], name[PREFIX_STRLEN];

	for (size_t i = 0; i < users->count; i++) {
		if (!is_redirected(context, &users->items[i], network))
			continue;
		finding_note(context->findings,
		    "%s: connections of these users to this host's network %s "
		    "(%s) go to the exit, too; to let users reach it directly, "
		    "add it to inbound.bypass and run: %s",
		    prefix_format(&users->items[i], text),
		    prefix_format(network, name), link, context->rules);
		return;
	}
}

void
local_network_check(const struct doctor_context *context)
{
	struct ifaddrs *list = NULL;
	struct prefix network;

	if (getifaddrs(&list))
		return;
	for (const struct ifaddrs *entry = list; entry;
	     entry = entry->ifa_next) {
		int family = entry->ifa_addr ? entry->ifa_addr->sa_family : 0;

		if ((family == AF_INET || family == AF_INET6) &&
		    (entry->ifa_flags & IFF_RUNNING) && entry->ifa_netmask &&
		    find_network(entry, &network) &&
		    !user_route_is_in_use(context, entry->ifa_name, family))
			check_network(context, entry->ifa_name, &network);
	}
	freeifaddrs(list);
}
