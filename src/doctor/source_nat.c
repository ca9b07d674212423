#include "doctor/checks.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor/trace.h"
#include "kernel/conntrack.h"
#include "proxy/source_bind.h"

#define NOT_SENT 1

/*
 * TTL 1: a reset from the destination could make conntrack drop the entry
 * before we read it. Returns as conntrack_find_source(), or NOT_SENT.
 */
static int
find_source(const union address *user, union address *seen)
{
	int family = user->any.sa_family;
	const union address external = trace_external(family);
	union address from;
	socklen_t len = sizeof(from);
	int hops = 1, error = 0;
	int fd = source_bind_open(user);

	if (fd < 0)
		return fd;
	if (setsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
		family == AF_INET ? IP_TTL : IPV6_UNICAST_HOPS, &hops,
		sizeof(hops)) ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
	    bind(fd, &user->any, address_len(user)))
		error = -errno;
	if (!error && connect(fd, &external.any, address_len(&external)) &&
	    errno != EINPROGRESS)
		error = NOT_SENT;
	if (!error && getsockname(fd, &from.any, &len))
		error = -errno;
	if (!error)
		error = conntrack_find_source(&from, &external, seen);
	close(fd);
	return error;
}

/* seen: the address after the rewriting; NULL: unknown. */
static void
report_rewritten(const struct doctor_context *context,
    const struct outgoing *outgoing, const union address *user,
    const struct prefix *prefix, const union address *seen)
{
	const struct selection selection = trace_select(prefix, false);
	const struct cause *cause = &outgoing->sent.changes[FIELD_SADDR];
	char user_text[ADDRESS_STRLEN], text[PREFIX_STRLEN];
	char seen_text[ADDRESS_STRLEN] = "another address";
	struct text fix = { 0 }, name;

	prefix_format(prefix, text);
	if (seen)
		address_format_host(seen, seen_text);
	if (prefix_is_private(prefix)) {
		finding_note(context->findings,
		    "%s: the firewall rewrites these private addresses, as it "
		    "must: destinations see %s instead of the users",
		    text, seen_text);
		return;
	}
	remedy_pass(context->ruleset, cause, &selection, &fix);
	finding_problem(context->findings, fix.chars,
	    "change the MASQUERADE or SNAT rule so that it does "
	    "not match these addresses",
	    "%s: a MASQUERADE or SNAT rule rewrites these "
	    "addresses: instead of %s destinations see %s%s%s",
	    text, address_format_host(user, user_text), seen_text,
	    cause->chain ? ": " : "",
	    cause->chain ? remedy_name(cause, &name) : "");
}

/* Only conntrack's default zone was asked, and it has no entry. */
static void
report_untracked(const struct doctor_context *context,
    const struct outgoing *outgoing, const union address *user,
    const struct prefix *prefix)
{
	const struct cause *cause = &outgoing->sent.changes[FIELD_SADDR];
	char text[PREFIX_STRLEN];
	struct text name;

	prefix_format(prefix, text);
	if (!cause->chain)
		finding_ok(context->findings,
		    "%s: the firewall does not track these addresses, "
		    "so it does not rewrite them",
		    text);
	else if (cause->is_sure)
		report_rewritten(context, outgoing, user, prefix, NULL);
	else
		finding_note(context->findings,
		    "%s: cannot tell whether the firewall rewrites "
		    "these addresses: it depends on %s",
		    text, remedy_name(cause, &name));
}

static void
check_sent(const struct doctor_context *context, const union address *user,
    const struct prefix *prefix)
{
	const union address anybody = { .any.sa_family = AF_UNSPEC };
	struct findings *findings = context->findings;
	struct outgoing outgoing;
	char text[PREFIX_STRLEN];
	union address seen;
	struct walk to_any;
	const struct cause *cause = &to_any.changes[FIELD_SADDR];
	struct text name;
	int error = find_source(user, &seen);

	/* return_path_check() reports a connection that cannot be made. */
	if (error == NOT_SENT)
		return;
	prefix_format(prefix, text);
	trace_outgoing(context, user, &anybody, &outgoing);
	trace_to_any(context, user, &to_any);
	if (error == -ENOENT)
		report_untracked(context, &outgoing, user, prefix);
	else if (error)
		finding_note(findings,
		    "%s: cannot examine whether the firewall rewrites "
		    "these addresses: %s",
		    text, strerror(-error));
	else if (address_same_host(&seen, user) && cause->chain)
		finding_note(findings,
		    "%s: the firewall may rewrite these addresses for some "
		    "destinations: it depends on %s",
		    text, remedy_name(cause, &name));
	else if (address_same_host(&seen, user))
		finding_ok(findings,
		    "%s: the firewall does not rewrite these addresses", text);
	else
		report_rewritten(context, &outgoing, user, prefix, &seen);
}

void
source_nat_check(
    const struct doctor_context *context, const struct prefix *prefix)
{
	const union address user = prefix_sample(prefix);
	const union address external = trace_external(user.any.sa_family);
	struct routing_answer route;

	if (trace_find_route(context, &user, &external, &route))
		check_sent(context, &user, prefix);
}
