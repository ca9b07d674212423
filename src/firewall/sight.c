#include "firewall/sight.h"

#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>

#include "json5/json5.h"

#define NAME_MAX_LEN 64
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* A packet has the header if the field has the number. */
static const struct {
	const char *name;
	enum field field;
	uint32_t number;
} headers[] = {
	{ "th", FIELD_UNKNOWN, 0 },
	{ "ip", FIELD_NFPROTO, NFPROTO_IPV4 },
	{ "ip6", FIELD_NFPROTO, NFPROTO_IPV6 },
	{ "arp", FIELD_ETHERTYPE, ETH_P_ARP },
	{ "tcp", FIELD_L4PROTO, IPPROTO_TCP },
	{ "udp", FIELD_L4PROTO, IPPROTO_UDP },
	{ "icmp", FIELD_L4PROTO, IPPROTO_ICMP },
	{ "icmpv6", FIELD_L4PROTO, IPPROTO_ICMPV6 },
	{ "igmp", FIELD_L4PROTO, IPPROTO_IGMP },
	{ "sctp", FIELD_L4PROTO, IPPROTO_SCTP },
	{ "dccp", FIELD_L4PROTO, IPPROTO_DCCP },
	{ "udplite", FIELD_L4PROTO, IPPROTO_UDPLITE },
	{ "esp", FIELD_L4PROTO, IPPROTO_ESP },
	{ "ah", FIELD_L4PROTO, IPPROTO_AH },
	{ "comp", FIELD_L4PROTO, IPPROTO_COMP },
};

/* An expression's object, its "key" or "field", and our field. */
static const struct {
	const char *object, *key;
	enum field field;
} fields[] = {
	{ "payload", "saddr", FIELD_SADDR },
	{ "payload", "daddr", FIELD_DADDR },
	{ "payload", "sport", FIELD_SPORT },
	{ "payload", "dport", FIELD_DPORT },
	{ "payload", "protocol", FIELD_L4PROTO },
	{ "payload", "nexthdr", FIELD_L4PROTO },
	{ "payload", "flags", FIELD_TCP_FLAGS },
	{ "meta", "iif", FIELD_IIF },
	{ "meta", "iifname", FIELD_IIF },
	{ "meta", "oif", FIELD_OIF },
	{ "meta", "oifname", FIELD_OIF },
	{ "meta", "l4proto", FIELD_L4PROTO },
	{ "meta", "nfproto", FIELD_NFPROTO },
	{ "meta", "protocol", FIELD_ETHERTYPE },
	{ "meta", "pkttype", FIELD_PKTTYPE },
	{ "meta", "mark", FIELD_MARK },
	{ "meta", "skuid", FIELD_UID },
	{ "meta", "skgid", FIELD_GID },
	{ "socket", "transparent", FIELD_TRANSPARENT },
	{ "socket", "wildcard", FIELD_WILDCARD },
	{ "ct", "state", FIELD_CT_STATE },
	{ "ct", "mark", FIELD_CT_MARK },
	{ "ct", "status", FIELD_CT_STATUS },
	{ "ct", "direction", FIELD_CT_DIRECTION },
	{ "ct", "zone", FIELD_CT_ZONE },
	{ "ct original", "zone", FIELD_CT_ZONE },
	{ "ct original", "saddr", FIELD_CT_SADDR },
	{ "ct original", "daddr", FIELD_CT_DADDR },
	{ "ct original", "ip saddr", FIELD_CT_SADDR },
	{ "ct original", "ip daddr", FIELD_CT_DADDR },
	{ "ct original", "ip6 saddr", FIELD_CT_SADDR },
	{ "ct original", "ip6 daddr", FIELD_CT_DADDR },
	{ "ct original", "proto-src", FIELD_CT_SPORT },
	{ "ct original", "proto-dst", FIELD_CT_DPORT },
	{ "fib type", "saddr", FIELD_SADDR_TYPE },
	{ "fib type", "daddr", FIELD_DADDR_TYPE },
	{ "fib oif", "saddr iif", FIELD_REVERSE_PATH },
	{ "fib oif", "saddr mark iif", FIELD_REVERSE_PATH },
	{ "fib check", "saddr iif", FIELD_REVERSE_PATH },
	{ "fib check", "saddr mark iif", FIELD_REVERSE_PATH },
};

/* Returns the object's only member, and its name. */
static const struct json5 *
only_member(const struct json5 *object, const char **name)
{
	const char *const none[] = { NULL };
	const struct json5 *member = json5_unexpected(object, none, NULL);

	*name = member ? json5_key(member) : "";
	return member;
}

/* "saddr iif" of ["saddr", "iif"] */
static void
join_flags(const struct json5 *flags, char text[NAME_MAX_LEN])
{
	const char *word = json5_string(flags, NULL);
	size_t len = 0;

	snprintf(text, NAME_MAX_LEN, "%s", word ? word : "");
	for (size_t i = 0; i < json5_count(flags) && len < NAME_MAX_LEN; i++) {
		word = json5_string(json5_item(flags, i), NULL);
		len += (size_t)snprintf(text + len, NAME_MAX_LEN - len, "%s%s",
		    i > 0 ? " " : "", word ? word : "?");
	}
}

enum field
sight_field(const struct json5 *json)
{
	char object[NAME_MAX_LEN], key[NAME_MAX_LEN];
	const char *name, *more;

	json = only_member(json, &name);
	if (!json || json5_type(json) != JSON5_OBJECT)
		return FIELD_UNKNOWN;
	more = ruleset_text(json, strcmp(name, "fib") ? "dir" : "result");
	snprintf(
	    object, sizeof(object), "%s%s%s", name, *more ? " " : "", more);
	snprintf(key, sizeof(key), "%s",
	    ruleset_text(json, strcmp(name, "payload") ? "key" : "field"));
	if (json5_member(json, "flags"))
		join_flags(json5_member(json, "flags"), key);
	for (size_t i = 0; i < COUNT(fields); i++) {
		if (!strcmp(fields[i].object, object) &&
		    !strcmp(fields[i].key, key))
			return fields[i].field;
	}
	return FIELD_UNKNOWN;
}

bool
sight_has_header(
    const struct packet *packet, const struct json5 *json, bool *known)
{
	const struct json5 *payload = json5_member(json, "payload");
	const char *name = payload ? ruleset_text(payload, "protocol") : "th";

	*known = false;
	for (size_t i = 0; i < COUNT(headers); i++) {
		if (strcmp(headers[i].name, name) != 0)
			continue;
		*known = true;
		return !headers[i].field ||
		    packet_has(packet, headers[i].field, headers[i].number);
	}
	return true;
}

struct value
sight_see(const struct scope *scope, enum field field)
{
	const struct packet *packet = scope->packet;
	bool is_untracked = packet_has(packet, FIELD_CT_STATE, CT_UNTRACKED);

	if (field == FIELD_CT_STATE && scope->is_before_tracking &&
	    !is_untracked)
		return value_of_number(CT_INVALID);
	if (field > FIELD_CT_STATE &&
	    (scope->is_before_tracking || is_untracked))
		return (struct value){ .state = VALUE_ABSENT };
	if ((field == FIELD_IIF && scope->hook == HOOK_OUTPUT) ||
	    (field == FIELD_OIF && scope->hook <= HOOK_INPUT))
		return value_of_name("");
	return packet->fields[field];
}
