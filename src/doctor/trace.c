#include "doctor/trace.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "doctor/external.h"
#include "kernel/route.h"

#define TCP_SYN_ACK 0x12
#define TCP_ACK 0x10
#define DIRECTION_REPLY 1
#define NAT_FLAGS (IPS_SRC_NAT | IPS_DST_NAT)

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

static void
set_type(struct walk *walk, enum field field, const union address *address)
{
	int is_here =
	    address->any.sa_family == AF_UNSPEC ? 0 : route_ends_here(address);

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
trace_follow(struct walk *walk)
{
	struct value *status = &walk->packet.fields[FIELD_CT_STATUS];

	trace_set(walk, FIELD_TCP_FLAGS, TCP_ACK);
	if (!packet_has(&walk->packet, FIELD_CT_STATE, CT_UNTRACKED))
		trace_set(walk, FIELD_CT_STATE, CT_ESTABLISHED);
	if (value_is_known(status))
		trace_set(walk, FIELD_CT_STATUS,
		    (status->bits[1] & NAT_FLAGS) | IPS_SEEN_REPLY |
			IPS_CONFIRMED);
}

/* Conntrack keeps its own fields of the first packet, but not its mark. */
static void
copy_tracking(struct walk *walk, const struct walk *request)
{
	for (size_t i = FIELD_CT_STATE; i < FIELD_COUNT; i++)
		walk->packet.fields[i] = request->packet.fields[i];
	trace_follow(walk);
	trace_set(walk, FIELD_TCP_FLAGS, TCP_SYN_ACK);
	trace_set(walk, FIELD_CT_DIRECTION, DIRECTION_REPLY);
}

static void
swap(struct walk *walk, const struct walk *request, enum field to,
    enum field from)
{
	walk->packet.fields[to] = request->packet.fields[from];
}

void
trace_answer(struct walk *walk, const struct walk *request, const char *oif)
{
	walk_init(walk, &request->packet);
	swap(walk, request, FIELD_SADDR, FIELD_DADDR);
	swap(walk, request, FIELD_DADDR, FIELD_SADDR);
	swap(walk, request, FIELD_SPORT, FIELD_DPORT);
	swap(walk, request, FIELD_DPORT, FIELD_SPORT);
	swap(walk, request, FIELD_SADDR_TYPE, FIELD_DADDR_TYPE);
	swap(walk, request, FIELD_DADDR_TYPE, FIELD_SADDR_TYPE);
	copy_tracking(walk, request);
	trace_set(walk, FIELD_MARK, 0);
	set_unknown(walk, FIELD_UID);
	set_unknown(walk, FIELD_GID);
	if (oif)
		trace_set_name(walk, FIELD_OIF, oif);
	else
		set_unknown(walk, FIELD_OIF);
}

bool
trace_find_route(const union address *user, const union address *remote,
    struct routing_answer *answer)
{
	struct routing_question question = {
		.from = *user, .to = *remote, .protocol = IPPROTO_TCP
	};
	struct routing_rules rules = { 0 };
	bool is_there;

	if (routing_rules_init(&rules, remote->any.sa_family))
		return false;
	is_there = routing_rules_ask(&rules, &question, answer) == 0 &&
	    answer->rule && answer->type == RTN_UNICAST;
	routing_rules_finish(&rules);
	return is_there;
}

static void
send_first(const struct doctor_context *context, const union address *user,
    const union address *remote, struct outgoing *outgoing)
{
	struct walk *sent = &outgoing->sent;

	trace_begin(sent, user, remote, IPPROTO_TCP, NULL);
	set_unknown(sent, FIELD_UID);
	set_unknown(sent, FIELD_GID);
	trace_set(sent, FIELD_TRANSPARENT, 1);
	trace_set(sent, FIELD_WILDCARD, 0);
	if (*outgoing->link)
		trace_set_name(sent, FIELD_OIF, outgoing->link);
	walk_through(sent, context->ruleset, HOOK_OUTPUT);
	walk_through(sent, context->ruleset, HOOK_POSTROUTING);
}

void
trace_outgoing(const struct doctor_context *context, const union address *user,
    const union address *remote, struct outgoing *outgoing)
{
	struct walk *answer = &outgoing->answer;
	struct routing_answer route;
	union address to = *remote;

	if (remote->any.sa_family == AF_UNSPEC)
		external_sample(user->any.sa_family, &to);
	*outgoing->link = '\0';
	if (trace_find_route(user, &to, &route))
		if_indextoname(route.interface, outgoing->link);
	send_first(context, user, &to, outgoing);
	outgoing->is_rewritten =
	    outgoing->sent.changes[FIELD_SADDR].chain != NULL;
	trace_answer(answer, &outgoing->sent, NULL);
	if (remote->any.sa_family == AF_UNSPEC) {
		set_unknown(answer, FIELD_SADDR);
		set_unknown(answer, FIELD_SPORT);
	}
	trace_set(answer, FIELD_TRANSPARENT, 1);
	trace_set(answer, FIELD_WILDCARD, 0);
	trace_set(answer, FIELD_REVERSE_PATH, 1);
	if (*outgoing->link)
		trace_set_name(answer, FIELD_IIF, outgoing->link);
	walk_through(answer, context->ruleset, HOOK_PREROUTING);
	if (answer->fate == FATE_DROPPED)
		return;
	trace_set(answer, FIELD_DADDR_TYPE, RTN_LOCAL);
	walk_through(answer, context->ruleset, HOOK_INPUT);
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
	remedy_pass(context->ruleset, &walk->cause, selection, &fix);
	finding_problem(context->findings, fix.chars,
	    "change that rule with the program that made it, so that these "
	    "packets pass",
	    "%sthe firewall drops %s: %s", users.chars, what, name.chars);
	return true;
}
