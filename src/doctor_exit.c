#include "doctor_exit.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exit_rules.h"
#include "outside.h"
#include "route.h"
#include "ruleset.h"
#include "source.h"
#include "sysctl.h"
#include "way_back.h"
#include "wildcard.h"

#define PORTS_MAX 16
#define PORTS_TEXT_MAX_LEN (PORTS_MAX * 8)
#define PRIVILEGED_PORT 1023
#define REMEDY_MAX_LEN 64
#define NAMES_MAX_LEN 256
#define VALIDATION_MAX_LEN (IF_NAMESIZE + 32)

/* How replies to a prefix come to the server half's sockets. */
enum delivery {
	DELIVERY_NONE,
	DELIVERY_ALL,    /* all TCP ends here */
	DELIVERY_LOCAL,  /* the same by the table local */
	DELIVERY_MARKED, /* what the firewall marks does */
};

static enum delivery
find_delivery(const struct prefix *prefix)
{
	union address user;
	struct route route;

	prefix_sample(prefix, &user);
	if (route_find(&user, 0, &route) == 0 && route.is_local)
		return route.table == RT_TABLE_LOCAL ? DELIVERY_LOCAL
						     : DELIVERY_ALL;
	if (route_find(&user, EXIT_RULES_MARK, &route) == 0 && route.is_local)
		return DELIVERY_MARKED;
	return DELIVERY_NONE;
}

/* Without IP_TRANSPARENT IPv4 connects from the table local only: ip(7). */
static bool
may_connect(const struct prefix *prefix, enum delivery delivery)
{
	return delivery == DELIVERY_LOCAL ||
	    prefix->base.any.sa_family != AF_INET ||
	    source_is_transparent(AF_INET);
}

static void
check_route(const struct examination *examination, const struct prefix *prefix)
{
	struct findings *findings = examination->findings;
	enum delivery delivery = find_delivery(prefix);
	char text[PREFIX_STRLEN];

	prefix_format(prefix, text);
	if (!may_connect(prefix, delivery))
		finding_wrong(findings, examination->simple_rules,
		    "%s: without IP_TRANSPARENT (CAP_NET_RAW) nobody connects "
		    "from there, as it is not in the routing table local",
		    text);
	else if (delivery == DELIVERY_NONE)
		finding_wrong(findings, examination->rules,
		    "%s: no route delivers to this host what comes back for "
		    "these users",
		    text);
	else if (delivery == DELIVERY_MARKED)
		finding_ok(findings,
		    "%s: what has the mark 0x%x is delivered here", text,
		    EXIT_RULES_MARK);
	else
		finding_ok(
		    findings, "%s: all TCP for it is delivered here", text);
}

/*
 * A local route for all addresses in the table that the mark selects: with
 * src_valid_mark each sender outside looks like this host itself.
 */
static void
check_valid_mark(const struct examination *examination)
{
	union address outside;
	char remedy[REMEDY_MAX_LEN];
	struct route route;
	long all = 0;

	outside_sample(AF_INET, &outside);
	if (!sysctl_read("ipv4/conf/all/src_valid_mark", &all) || !all ||
	    route_find(&outside, EXIT_RULES_MARK, &route) != 0 ||
	    !route.is_local)
		return;
	snprintf(remedy, sizeof(remedy),
	    "ip route del local default dev lo table %u", route.table);
	finding_wrong(examination->findings, remedy,
	    "net.ipv4.conf.all.src_valid_mark is 1, and table %u delivers all "
	    "addresses here, not only the users': what has the mark 0x%x is "
	    "dropped as spoofed",
	    route.table, EXIT_RULES_MARK);
}

void
doctor_exit_check_routes(const struct examination *examination)
{
	const struct prefix_list *list = examination->prefixes;

	for (size_t i = 0; i < list->count; i++)
		check_route(examination, &list->items[i]);
	if (prefix_list_has_family(list, AF_INET))
		check_valid_mark(examination);
}

static const char *
family_name(int family)
{
	return family == AF_INET ? "IPv4" : "IPv6";
}

static void
check_transparent(const struct examination *examination, int family)
{
	struct findings *findings = examination->findings;

	if (source_is_transparent(family))
		finding_ok(findings, "IP_TRANSPARENT is permitted for %s",
		    family_name(family));
	else if (family == AF_INET6)
		finding_ok(findings,
		    "IPv6 does with IP_FREEBIND, which nobody is denied");
	else
		finding_note(findings,
		    "IP_TRANSPARENT is not permitted to this user (uid %u); "
		    "with CAP_NET_RAW, or started as root with -u, it is",
		    getuid());
}

static void
check_low_ports(
    const struct examination *examination, const struct prefix *prefix)
{
	union address user;
	int fd;

	prefix_sample(prefix, &user);
	address_set_port(&user, PRIVILEGED_PORT);
	fd = source_open(&user);
	if (fd < 0)
		return;
	if (bind(fd, &user.any, address_len(&user)) && errno == EACCES)
		finding_note(examination->findings,
		    "users' source ports below 1024 are not kept: that takes "
		    "CAP_NET_BIND_SERVICE");
	close(fd);
}

/* Once for each family that has a prefix of that delivery. */
static void
check_marking(const struct examination *examination, int family)
{
	struct findings *findings = examination->findings;
	const struct prefix_list *list = examination->prefixes;
	bool is_needed = false;
	char *rules;

	for (size_t i = 0; i < list->count; i++)
		is_needed |= list->items[i].base.any.sa_family == family &&
		    find_delivery(&list->items[i]) == DELIVERY_MARKED;
	if (!is_needed)
		return;
	rules = ruleset_read(family);
	if (!rules)
		finding_note(findings,
		    "the firewall could not be looked at (%s): that takes "
		    "root, and nft or iptables",
		    family_name(family));
	else if (ruleset_marks(rules, EXIT_RULES_MARK))
		finding_ok(findings, "the firewall gives the mark 0x%x (%s)",
		    EXIT_RULES_MARK, family_name(family));
	else
		finding_wrong(findings, examination->rules,
		    "no rule of the firewall gives the mark 0x%x (%s): "
		    "replies to users are not delivered here",
		    EXIT_RULES_MARK, family_name(family));
	free(rules);
}

static long
read_validation(const char *interface)
{
	char name[VALIDATION_MAX_LEN];
	long value = 0;

	snprintf(name, sizeof(name), "ipv4/conf/%s/rp_filter", interface);
	sysctl_read(name, &value);
	return value;
}

/* Of the values for all and for the interface the higher one counts. */
static bool
is_strict(const char *interface)
{
	long all = read_validation("all"), own = read_validation(interface);

	return strcmp(interface, "lo") != 0 && (all > own ? all : own) == 1;
}

/* Replies may come in by a link that the host would not answer by. */
static void
check_validation(const struct examination *examination)
{
	struct if_nameindex *list = if_nameindex();
	char names[NAMES_MAX_LEN] = "";
	size_t len = 0;

	for (size_t i = 0; list && list[i].if_name && len < sizeof(names);
	     i++) {
		if (is_strict(list[i].if_name))
			len +=
			    (size_t)snprintf(names + len, sizeof(names) - len,
				"%s%s", len > 0 ? ", " : "", list[i].if_name);
	}
	if (list)
		if_freenameindex(list);
	if (len > 0)
		finding_note(examination->findings,
		    "rp_filter is 1 on %s: what comes in by another interface "
		    "than the one that the host would answer by is dropped; 2 "
		    "is for hosts with several ways out",
		    names);
}

/* Users who come from these ports lose them, or are refused. */
static void
check_wildcards(const struct examination *examination)
{
	struct findings *findings = examination->findings;
	uint16_t ports[PORTS_MAX];
	size_t count = wildcard_list(ports, PORTS_MAX), len = 0;
	char text[PORTS_TEXT_MAX_LEN] = "";

	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u",
		    i > 0 ? ", " : "", ports[i]);
	if (examination->config->source_port == SOURCE_PORT_ANY)
		return;
	if (count == 0)
		finding_ok(findings,
		    "nobody listens on all addresses: users keep their source "
		    "ports");
	else if (examination->config->source_port == SOURCE_PORT_STRICT)
		finding_wrong(findings,
		    "let these services listen on specific addresses, or "
		    "set source_port: \"prefer\"",
		    "with source_port \"strict\" users who come from these "
		    "ports are refused, as somebody listens there on all "
		    "addresses: %s",
		    text);
	else
		finding_note(findings,
		    "users who come from these ports get other ones, as "
		    "somebody listens there on all addresses: %s",
		    text);
}

static void
check_family(const struct examination *examination, int family)
{
	const struct prefix_list *list = examination->prefixes;

	if (!prefix_list_has_family(list, family))
		return;
	check_transparent(examination, family);
	check_marking(examination, family);
	for (size_t i = 0; i < list->count; i++) {
		const struct prefix *prefix = &list->items[i];
		enum delivery delivery = find_delivery(prefix);

		if (prefix->base.any.sa_family == family &&
		    delivery != DELIVERY_NONE && may_connect(prefix, delivery))
			way_back_check(examination, prefix);
	}
}

void
doctor_exit_check(const struct examination *examination)
{
	const struct prefix_list *list = examination->prefixes;

	doctor_exit_check_routes(examination);
	check_family(examination, AF_INET);
	check_family(examination, AF_INET6);
	if (list->count == 0)
		finding_note(examination->findings,
		    "the configuration allows any source: name the prefixes "
		    "that are routed to this host, and more is examined");
	else
		check_low_ports(examination, &list->items[0]);
	if (prefix_list_has_family(list, AF_INET))
		check_validation(examination);
	check_wildcards(examination);
}
