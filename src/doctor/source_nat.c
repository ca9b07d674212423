#include "doctor/source_nat.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor/external.h"
#include "firewall/remedy.h"
#include "kernel/conntrack.h"
#include "kernel/route.h"
#include "proxy/source_bind.h"

#define NOT_SENT 1
#define FIX_MAX_LEN 256

/*
 * A packet that gets no further than the next router, as the answer to one that
 * did may end what is known of it at once. Returns as conntrack_find_source, or
 * NOT_SENT.
 */
static int
find_source(const union address *user, union address *seen)
{
	int family = user->any.sa_family;
	union address from, external;
	socklen_t len = sizeof(from);
	int hops = 1, error = 0;
	int fd = source_bind_open(user);

	if (fd < 0)
		return fd;
	external_sample(family, &external);
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

static void
find_exemption(const struct doctor_context *context,
    const struct prefix *prefix, char fix[FIX_MAX_LEN])
{
	const char *rules =
	    doctor_context_firewall(context, prefix->base.any.sa_family);

	strcpy(fix, "let no MASQUERADE or SNAT rule match it");
	if (rules)
		remedy_find(rules, prefix, fix, FIX_MAX_LEN);
}

static void
check_sent(const struct doctor_context *context, const union address *user,
    const struct prefix *prefix)
{
	struct findings *findings = context->findings;
	char user_text[ADDRESS_STRLEN], seen_text[ADDRESS_STRLEN];
	char fix[FIX_MAX_LEN], text[PREFIX_STRLEN];
	union address seen;
	int error = find_source(user, &seen);

	prefix_format(prefix, text);
	if (error == -ENOENT) {
		finding_ok(findings,
		    "%s: not tracked by the firewall, so not rewritten", text);
	} else if (error == NOT_SENT) {
		/* That this cannot be is said where the way is tried. */
		return;
	} else if (error) {
		finding_note(findings,
		    "%s: whether the firewall rewrites it could not be looked "
		    "at: %s",
		    text, strerror(-error));
	} else if (address_same_host(&seen, user)) {
		finding_ok(
		    findings, "%s: the firewall does not rewrite it", text);
	} else {
		find_exemption(context, prefix, fix);
		finding_problem(findings, fix,
		    "%s: a MASQUERADE or SNAT rule rewrites it: instead of %s "
		    "destinations see %s",
		    text, address_format_host(user, user_text),
		    address_format_host(&seen, seen_text));
	}
}

void
source_nat_check(
    const struct doctor_context *context, const struct prefix *prefix)
{
	union address user, external;
	struct route route;

	prefix_sample(prefix, &user);
	external_sample(user.any.sa_family, &external);
	if (route_find(&external, 0, &route) == 0 && !route.is_local)
		check_sent(context, &user, prefix);
}
