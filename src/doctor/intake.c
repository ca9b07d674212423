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
	int family;
	size_t accepted;
	int closed_family; /* of the packet that was not accepted: */
	char closed_link[IF_NAMESIZE];
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
	intake->closed_family = intake->family;
	strcpy(intake->closed_link, link);
}

/* The address that a gate on that link would connect to. False: none. */
static bool
find_target(
    const struct intake *intake, const struct ifaddrs *entry, union address *to)
{
	const struct endpoint *listen = &intake->context->config->listen;
	bool is_ipv4 = intake->family == AF_INET;

	if (!entry->ifa_addr || entry->ifa_addr->sa_family != intake->family ||
	    (entry->ifa_flags & IFF_LOOPBACK) || !(entry->ifa_flags & IFF_UP))
		return false;
	memset(to, 0, sizeof(*to));
	memcpy(to, entry->ifa_addr, is_ipv4 ? sizeof(to->v4) : sizeof(to->v6));
	if (!is_ipv4 && IN6_IS_ADDR_LINKLOCAL(&to->v6.sin6_addr))
		return false;
	if (listen->address.any.sa_family == intake->family &&
	    !address_is_unspecified(&listen->address))
		*to = listen->address;
	address_set_port(to, listen->port);
	return true;
}

static void
report(const struct intake *intake)
{
	const struct doctor_context *context = intake->context;
	uint16_t port = context->config->listen.port;
	const struct selection selection = { .family = intake->closed_family,
		.port = port,
		.is_reply = intake->is_answer };
	struct text what, name;

	text_set(&what, "%s port %u (%s), to which gates connect",
	    intake->is_answer ? "reply packets from" : "packets to", port,
	    intake->closed_family == AF_INET ? "IPv4" : "IPv6");
	if (intake->accepted == 0)
		trace_report(context, &intake->closed, &selection, what.chars);
	else
		finding_note(context->findings,
		    "gates that connect through %s may not reach port %u: %s",
		    intake->closed_link, port,
		    remedy_name(&intake->closed.cause, &name));
}

static void
try_family(struct intake *intake, const struct ifaddrs *list, int family)
{
	union address to;

	intake->family = family;
	for (; list; list = list->ifa_next) {
		if (find_target(intake, list, &to))
			try_link(intake, &to, list->ifa_name);
	}
}

/* A listener on [::] takes both families; gates need only one of them. */
void
intake_check(const struct doctor_context *context)
{
	const union address *listen = &context->config->listen.address;
	int family = listen->any.sa_family;
	struct intake intake = { .context = context };
	struct ifaddrs *list = NULL;

	if (family == AF_UNSPEC || address_is_loopback(listen) ||
	    getifaddrs(&list))
		return;
	if (family == AF_INET || address_is_unspecified(listen))
		try_family(&intake, list, AF_INET);
	if (family == AF_INET6)
		try_family(&intake, list, AF_INET6);
	freeifaddrs(list);
	if (intake.closed.fate != FATE_ACCEPTED)
		report(&intake);
}
