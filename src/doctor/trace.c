#include "doctor/trace.h"

#include <linux/netfilter.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "net/route.h"
#include "proxy/source_bind.h"

#define EXTERNAL_PORT 443
#define OWN_MAX 16

/* From the special-purpose registries (RFC 6890); both are routable. */
union address
trace_external(int family)
{
	union address address;

	address_parse(family == AF_INET ? "192.0.0.9" : "2001:1::1", &address);
	address_set_port(&address, EXTERNAL_PORT);
	return address;
}

/* Steps from the address into the prefix, past this host's own addresses. */
static union address
skip_own(const struct prefix *users, const union address *likely, int step)
{
	union address user = *likely;

	for (size_t i = 0; i < OWN_MAX && prefix_contains(users, &user); i++) {
		uint8_t raw[sizeof(struct in6_addr)];
		size_t len;
		const uint8_t *digits = address_raw(&user, &len);

		if (route_ends_here(&user) <= 0)
			return user;
		memcpy(raw, digits, len);
		raw[len - 1] = (uint8_t)(raw[len - 1] + step);
		address_from_raw(&user, raw, len, 0);
	}
	return *likely;
}

union address
trace_user(const struct prefix *users)
{
	const union address likely = prefix_sample(users);

	return skip_own(users, &likely, -1);
}

union address
trace_user_first(const struct prefix *users)
{
	const union address likely = prefix_sample_first(users);

	return skip_own(users, &likely, 1);
}

void
trace_set(struct walk *walk, enum field field, uint64_t number)
{
	walk->packet.fields[field] = value_of_number(number);
}

void
trace_set_name(struct walk *walk, enum field field, const char *name)
{
	walk->packet.fields[field] = value_of_name(name);
}

static void
set_unknown(struct walk *walk, enum field field)
{
	walk->packet.fields[field] = value_unknown;
}

/*
 * The type that a firewall rule sees (addrtype, fib). The lookup does not use
 * the packet's mark, and for IPv4 only the table local. On a host without
 * routing rules of its own, the kernel keeps that table in main, and answers
 * with main.
 */
static void
set_type(struct walk *walk, enum field field, const union address *address)
{
	struct route route;
	int is_here =
	    address->any.sa_family == AF_UNSPEC ? 0 : route_ends_here(address);

	if (is_here > 0 && address->any.sa_family == AF_INET &&
	    route_find(address, 0, &route) == 0)
		is_here = route.table == RT_TABLE_LOCAL ||
		    route.table == RT_TABLE_MAIN;
	if (is_here >= 0)
		trace_set(walk, field, is_here ? RTN_LOCAL : RTN_UNICAST);
}

void
trace_begin(struct walk *walk, const union address *from,
    const union address *to, uint8_t protocol, const char *iif)
{
	struct packet packet = { 0 };

	packet_init(&packet, from, to, protocol);
	walk_init(walk, &packet);
	set_type(walk, FIELD_SADDR_TYPE, from);
	set_type(walk, FIELD_DADDR_TYPE, to);
	if (!iif)
		return;
	trace_set_name(walk, FIELD_IIF, iif);
	trace_set(walk, FIELD_REVERSE_PATH, 1);
}

void
trace_answer(struct walk *walk, const struct walk *request, const char *oif)
{
	struct packet answer;

	packet_answer(&answer, &request->packet);
	walk_init(walk, &answer);
	if (oif)
		trace_set_name(walk, FIELD_OIF, oif);
	else
		set_unknown(walk, FIELD_OIF);
}

bool
trace_find_route(const struct doctor_context *context,
    const union address *user, const union address *remote,
    struct routing_answer *route)
{
	const struct routing_rules *rules =
	    doctor_context_routing(context, remote->any.sa_family);
	const struct routing_question question = { .from = *user,
		.to = *remote };

	return routing_rules_ask(rules, &question, route) == RTN_UNICAST;
}

void
trace_find_link(const struct doctor_context *context, const union address *user,
    const union address *remote, char link[IF_NAMESIZE])
{
	struct routing_answer route;

	*link = '\0';
	if (trace_find_route(context, user, remote, &route))
		if_indextoname(route.interface, link);
}

/* The packet's socket is the half's, with the rights of this process. */
static void
set_socket(struct walk *walk)
{
	bool is_ipv4 = packet_has(&walk->packet, FIELD_NFPROTO, NFPROTO_IPV4);

	trace_set(walk, FIELD_TRANSPARENT,
	    source_bind_is_transparent(is_ipv4 ? AF_INET : AF_INET6));
	trace_set(walk, FIELD_WILDCARD, 0);
}

/* is_any: remote only chooses the link; the packet goes to any host. */
static void
send_first(const struct doctor_context *context, const union address *user,
    const union address *remote, bool is_any, struct outgoing *outgoing)
{
	struct walk *sent = &outgoing->sent;

	trace_find_link(context, user, remote, outgoing->link);
	trace_begin(sent, user, remote, IPPROTO_TCP, NULL);
	if (is_any) {
		set_unknown(sent, FIELD_DADDR);
		set_unknown(sent, FIELD_DADDR_TYPE);
		set_unknown(sent, FIELD_DPORT);
	}
	set_unknown(sent, FIELD_UID);
	set_unknown(sent, FIELD_GID);
	set_socket(sent);
	if (*outgoing->link)
		trace_set_name(sent, FIELD_OIF, outgoing->link);
	walk_through(sent, context->ruleset, HOOK_OUTPUT);
	walk_through(sent, context->ruleset, HOOK_POSTROUTING);
}

/* is_any: the answer of any host. */
static void
follow_answer(const struct doctor_context *context, bool is_any,
    const char *link, struct outgoing *outgoing)
{
	struct walk *answer = &outgoing->answer;

	trace_answer(answer, &outgoing->sent, NULL);
	if (is_any) {
		set_unknown(answer, FIELD_SADDR);
		set_unknown(answer, FIELD_SPORT);
	}
	set_socket(answer);
	trace_set(answer, FIELD_REVERSE_PATH, !strcmp(link, outgoing->link));
	if (*link)
		trace_set_name(answer, FIELD_IIF, link);
	walk_through(answer, context->ruleset, HOOK_PREROUTING);
	walk_through(answer, context->ruleset, HOOK_INPUT);
}

void
trace_outgoing(const struct doctor_context *context, const union address *user,
    const union address *remote, struct outgoing *outgoing)
{
	bool is_any = remote->any.sa_family == AF_UNSPEC;
	union address to = *remote;

	if (is_any)
		to = trace_external(user->any.sa_family);
	send_first(context, user, &to, false, outgoing);
	outgoing->is_rewritten =
	    outgoing->sent.changes[FIELD_SADDR].chain != NULL;
	follow_answer(context, is_any, outgoing->link, outgoing);
}

void
trace_answer_by(const struct doctor_context *context, const char *link,
    struct outgoing *outgoing)
{
	follow_answer(context, false, link, outgoing);
}

void
trace_to_any(const struct doctor_context *context, const union address *user,
    struct walk *sent)
{
	struct outgoing outgoing = { .link = "" };
	const union address external = trace_external(user->any.sa_family);

	send_first(context, user, &external, true, &outgoing);
	*sent = outgoing.sent;
}

struct selection
trace_select(const struct prefix *users, bool is_reply)
{
	return (struct selection){ .family = users->base.any.sa_family,
		.from = is_reply ? NULL : users,
		.to = is_reply ? users : NULL,
		.is_reply = is_reply };
}

const char *
trace_format_users(const struct selection *selection, struct text *text)
{
	const struct prefix *users =
	    selection->from ? selection->from : selection->to;
	char prefix[PREFIX_STRLEN];

	text_set(text, "%s", users ? prefix_format(users, prefix) : "");
	return text_add(text, users ? ": " : "");
}

bool
trace_report(const struct doctor_context *context, const struct walk *walk,
    const struct selection *selection, const char *what)
{
	struct text fix = { 0 }, name, users;

	if (walk->fate == FATE_ACCEPTED || !walk->cause.chain)
		return false;
	remedy_name(&walk->cause, &name);
	trace_format_users(selection, &users);
	if (walk->fate == FATE_UNKNOWN) {
		finding_note(context->findings,
		    "%scannot tell whether the firewall drops %s: it depends "
		    "on %s",
		    users.chars, what, name.chars);
		return true;
	}
	remedy_pass_all(context->ruleset, walk, selection, &fix);
	finding_problem(context->findings, fix.chars,
	    "change that rule with the program that made it, so that these "
	    "packets pass",
	    "%sthe firewall drops %s: %s", users.chars, what, name.chars);
	return true;
}
