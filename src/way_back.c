#include "way_back.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conntrack.h"
#include "outside.h"
#include "probe.h"
#include "route.h"
#include "source.h"

#define ANSWER_MS 1500
#define ANSWERED_MS 1 /* meanwhile it has been, or not */
#define REMEDY_MAX_LEN 256

/*
 * A packet that gets no further than the next router, as the answer to one that
 * did may end what is known of it at once. Returns as conntrack_find_source.
 */
static int
find_source(const union address *user, union address *seen)
{
	int family = user->any.sa_family;
	union address from, outside;
	socklen_t len = sizeof(from);
	int hops = 1, error = 0;
	int fd = source_open(user);

	if (fd < 0)
		return fd;
	outside_sample(family, &outside);
	if (setsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
		family == AF_INET ? IP_TTL : IPV6_UNICAST_HOPS, &hops,
		sizeof(hops)) ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
	    bind(fd, &user->any, address_len(user)))
		error = -errno;
	if (!error && connect(fd, &outside.any, address_len(&outside)) &&
	    errno != EINPROGRESS)
		error = -errno;
	if (!error && getsockname(fd, &from.any, &len))
		error = -errno;
	if (!error)
		error = conntrack_find_source(&from, &outside, seen);
	close(fd);
	return error;
}

static void
check_rewriting(const struct examination *examination,
    const union address *user, const char *prefix)
{
	struct findings *findings = examination->findings;
	char user_text[ADDRESS_STRLEN], seen_text[ADDRESS_STRLEN];
	char remedy[REMEDY_MAX_LEN];
	union address seen;
	int error = find_source(user, &seen);

	if (error == -ENOENT) {
		finding_ok(findings,
		    "%s: not tracked by the firewall, so not rewritten",
		    prefix);
	} else if (error) {
		finding_note(findings,
		    "%s: whether the firewall rewrites it could not be looked "
		    "at: %s",
		    prefix, strerror(-error));
	} else if (address_same_host(&seen, user)) {
		finding_ok(
		    findings, "%s: the firewall does not rewrite it", prefix);
	} else {
		snprintf(remedy, sizeof(remedy),
		    "let no MASQUERADE or SNAT rule match it, such as by: "
		    "%s -t nat -I POSTROUTING -s %s -j ACCEPT",
		    user->any.sa_family == AF_INET ? "iptables" : "ip6tables",
		    prefix);
		finding_wrong(findings, remedy,
		    "%s: a MASQUERADE or SNAT rule rewrites it: instead of %s "
		    "destinations see %s",
		    prefix, address_format_host(user, user_text),
		    address_format_host(&seen, seen_text));
	}
}

static void
report_silence(const struct examination *examination, const union address *user,
    const char *prefix, const char *router, bool answers_this_host)
{
	char text[ADDRESS_STRLEN];

	if (answers_this_host)
		finding_wrong(examination->findings,
		    "see what else is wrong here; if nothing is, let the "
		    "network route the prefix to this host, and permit it to "
		    "send from there",
		    "%s: %s answers this host, but what it answers to %s does "
		    "not come back",
		    prefix, router, address_format_host(user, text));
	else
		finding_note(examination->findings,
		    "%s: the way back was not tried, as %s answers nobody",
		    prefix, router);
}

/* A packet to the next router, and back by the way of all replies. */
static void
check_path(const struct examination *examination, const union address *user,
    const char *prefix, const union address *router)
{
	struct findings *findings = examination->findings;
	char router_text[ADDRESS_STRLEN], text[ADDRESS_STRLEN];
	struct probe probe, own;
	bool has_own;
	int error;

	address_format_host(router, router_text);
	error = probe_open(&probe, user, router);
	if (error) {
		finding_wrong(findings, examination->rules,
		    "%s: cannot connect from %s to %s: %s", prefix,
		    address_format_host(user, text), router_text,
		    strerror(-error));
		return;
	}
	has_own = probe_open(&own, NULL, router) == 0;
	if (probe_wait(&probe, ANSWER_MS))
		finding_ok(findings, "%s: what %s answers comes back here",
		    prefix, router_text);
	else
		report_silence(examination, user, prefix, router_text,
		    has_own && probe_wait(&own, ANSWERED_MS));
	if (has_own)
		probe_close(&own);
	probe_close(&probe);
}

void
way_back_check(
    const struct examination *examination, const struct prefix *prefix)
{
	union address user, outside;
	struct route route;
	char text[PREFIX_STRLEN];

	prefix_format(prefix, text);
	prefix_sample(prefix, &user);
	outside_sample(prefix->base.any.sa_family, &outside);
	if (route_find(&outside, 0, &route) || route.is_local) {
		finding_note(examination->findings,
		    "%s: the way back was not tried, as there is no default "
		    "route",
		    text);
		return;
	}
	check_rewriting(examination, &user, text);
	if (route.gateway.any.sa_family == AF_UNSPEC)
		finding_note(examination->findings,
		    "%s: the way back was not tried, as the default route "
		    "names no router to ask",
		    text);
	else
		check_path(examination, &user, text, &route.gateway);
}
