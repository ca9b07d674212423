#include <sys/socket.h>

#include "doctor/checks.h"
#include "doctor/trace.h"

bool
external_check(const struct doctor_context *context, const struct prefix *users,
    bool has_answer)
{
	const struct selection away = trace_select(users, false);
	const struct selection back = trace_select(users, true);
	const union address user = prefix_sample(users);
	const union address remote = trace_external(user.any.sa_family);
	struct outgoing outgoing;

	if (!doctor_context_sees_firewall(context))
		return false;
	trace_outgoing(context, &user, &remote, &outgoing);
	if ((outgoing.sent.fate == FATE_DROPPED || !has_answer) &&
	    trace_report(context, &outgoing.sent, &away,
		"packets of the half from these addresses"))
		return true;
	if (outgoing.is_rewritten ||
	    (outgoing.answer.fate != FATE_DROPPED && has_answer))
		return false;
	return trace_report(
	    context, &outgoing.answer, &back, "reply packets to these users");
}

void
external_note_some(
    const struct doctor_context *context, const struct prefix *users)
{
	const struct selection away = trace_select(users, false);
	const union address user = prefix_sample(users);
	const union address remote = trace_external(user.any.sa_family);
	struct text fix = { 0 }, name;
	char text[PREFIX_STRLEN];
	struct outgoing tried;
	struct walk any;

	if (!doctor_context_sees_firewall(context))
		return;
	trace_outgoing(context, &user, &remote, &tried);
	trace_to_any(context, &user, &any);
	if (tried.sent.fate != FATE_ACCEPTED || any.fate == FATE_ACCEPTED ||
	    !any.cause.chain)
		return;
	remedy_pass(context->ruleset, &any.cause, &away, &fix);
	finding_note(context->findings,
	    "%s: the firewall may drop connections from these addresses to "
	    "some destinations or ports: it depends on %s%s%s",
	    prefix_format(users, text), remedy_name(&any.cause, &name),
	    fix.len ? "; to let all pass: " : "", fix.chars);
}
