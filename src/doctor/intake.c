#include "doctor/checks.h"

#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "doctor/trace.h"

/* The links of one family, and the fate of packets that come in by them. */
struct intake {
	const struct doctor_context *context;
	const union address *listen;
	int family;
	size_t accepted;
	char closed_link[IF_NAMESIZE]; /* of the packet that was not accepted */
	struct walk closed;
	bool is_answer; /* that packet answers the gate */
};

/* True: the answer is not accepted, and *walk becomes it. */
static bool
trace_gate(const struct intake *intake, struct walk *walk,
    const union address *to, const char *link)
{
	const union address anybody = { .any.sa_family = AF_UNSPEC };
	struct ruleset *ruleset = intake->context->ruleset;
	struct walk answer;

	trace_begin(walk, &anybody, to, IPPROTO_TCP, link);
	trace_set(walk, FIELD_DADDR_TYPE, RTN_LOCAL);
	walk_through(walk, ruleset, HOOK_PREROUTING);
	walk_through(walk, ruleset, HOOK_INPUT);
	if (walk->fate != FATE_ACCEPTED)
		return false;
	trace_answer(&answer, walk, link);
	walk_through(&answer, ruleset, HOOK_OUTPUT);
	walk_through(&answer, ruleset, HOOK_POSTROUTING);
	packet_follow(&walk->packet, &answer.packet);
	walk_through(walk, ruleset, HOOK_INPUT);
	if (walk->fate != FATE_ACCEPTED)
		return false;
	if (answer.fate == FATE_ACCEPTED)
		return false;
	*walk = answer;
	return true;
}

/* A dropped packet replaces a packet of unknown fate. */
static void
try_link(struct intake *intake, const union address *to, const char *link)
{
	struct walk walk;
	bool is_answer = trace_gate(intake, &walk, to, link);

	if (walk.fate == FATE_ACCEPTED)
		intake->accepted++;
	if (walk.fate == FATE_ACCEPTED || intake->closed.fate == FATE_DROPPED)
		return;
	intake->closed = walk;
	intake->is_answer = is_answer;
	strcpy(intake->closed_link, link);
}

/* The address that a gate on that link would connect to. False: none. */
static bool
find_target(
    const struct intake *intake, const struct ifaddrs *entry, union address *to)
{
	const union address *listen = intake->listen;
	bool is_ipv4 = intake->family == AF_INET;

	if (!entry->ifa_addr || entry->ifa_addr->sa_family != intake->family ||
	    (entry->ifa_flags & IFF_LOOPBACK) || !(entry->ifa_flags & IFF_UP))
		return false;
	memset(to, 0, sizeof(*to));
	memcpy(to, entry->ifa_addr, is_ipv4 ? sizeof(to->v4) : sizeof(to->v6));
	if (!is_ipv4 && IN6_IS_ADDR_LINKLOCAL(&to->v6.sin6_addr))
		return false;
	if (!address_is_unspecified(listen))
		*to = *listen;
	address_set_port(to, intake->context->config->listen.port);
	return true;
}

static void
report(const struct intake *intake, bool is_closed)
{
	const struct doctor_context *context = intake->context;
	uint16_t port = context->config->listen.port;
	const struct selection selection = { .family = intake->family,
		.port = port,
		.is_reply = intake->is_answer };
	struct text what, name;

	text_set(&what, "%s port %u (%s), to which gates connect",
	    intake->is_answer ? "reply packets from" : "packets to", port,
	    intake->family == AF_INET ? "IPv4" : "IPv6");
	if (is_closed)
		trace_report(context, &intake->closed, &selection, what.chars);
	else
		finding_note(context->findings,
		    "gates that connect through %s may not reach port %u: %s",
		    intake->closed_link, port,
		    remedy_name(&intake->closed.cause, &name));
}

/* A listener on [::] takes both families. */
static void
try_listener(struct intake *intake, const union address *listen,
    const struct ifaddrs *list)
{
	int family = listen->any.sa_family;
	union address to;

	if (address_is_loopback(listen) ||
	    (family != intake->family &&
		(family == AF_INET || !address_is_unspecified(listen))))
		return;
	intake->listen = listen;
	for (; list; list = list->ifa_next) {
		if (find_target(intake, list, &to))
			try_link(intake, &to, list->ifa_name);
	}
}

/* One rule may close the port to both families. */
static bool
is_same(const struct intake *a, const struct intake *b)
{
	return a->closed.cause.chain == b->closed.cause.chain &&
	    a->closed.cause.rule == b->closed.cause.rule;
}

/*
 * Gates need only one of the families. If both are closed, the gates' may be
 * either. doctor_host_check() reports a name without addresses.
 */
void
intake_check(const struct doctor_context *context)
{
	struct intake v4 = { .context = context, .family = AF_INET };
	struct intake v6 = { .context = context, .family = AF_INET6 };
	union address addresses[ENDPOINT_MAX_ADDRESSES];
	struct ifaddrs *list = NULL;
	bool is_closed;
	size_t count;

	if (endpoint_resolve(&context->config->listen, addresses, &count) ||
	    getifaddrs(&list))
		return;
	for (size_t i = 0; i < count; i++) {
		try_listener(&v4, &addresses[i], list);
		try_listener(&v6, &addresses[i], list);
	}
	freeifaddrs(list);
	is_closed = v4.accepted + v6.accepted == 0;
	if (v4.closed.fate != FATE_ACCEPTED)
		report(&v4, is_closed);
	if (v6.closed.fate != FATE_ACCEPTED && !is_same(&v4, &v6))
		report(&v6, is_closed);
}
