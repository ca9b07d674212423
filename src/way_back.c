#include "way_back.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "exemption.h"
#include "netstat.h"
#include "outside.h"
#include "packets.h"
#include "probe.h"
#include "route.h"

#define ANSWER_MS 1500
#define ANSWERED_MS 1 /* meanwhile it has been, or not */
#define REMEDY_MAX_LEN 256
#define HERE_MAX_LEN 2048

/* Why nothing came back. */
enum silence {
	SILENCE_ALL,     /* the router answers nobody */
	SILENCE_NETWORK, /* it, or who is between, does not answer users */
	SILENCE_OUTPUT,  /* nothing has left this host */
	SILENCE_INPUT,   /* this host does not take answers */
	SILENCE_FILTER,  /* rp_filter does not */
	SILENCE_HERE,    /* this host takes none to users */
};

/* What was tried. */
struct path {
	const struct prefix *users;
	const union address *user; /* one of them */
	const char *prefix, *router;
};

static void
report_output(const struct examination *examination, const struct path *path)
{
	const char *rules =
	    examination_firewall(examination, path->user->any.sa_family);
	char remedy[REMEDY_MAX_LEN], text[ADDRESS_STRLEN];

	strcpy(remedy, "let no rule drop or rewrite what they send");
	if (rules)
		exemption_find_sent(rules, path->users, remedy, sizeof(remedy));
	finding_wrong(examination->findings, remedy,
	    "%s: what is sent from %s to %s does not leave this host with that "
	    "address: the firewall drops it (OUTPUT) or rewrites it",
	    path->prefix, address_format_host(path->user, text), path->router);
}

static void
report_input(const struct examination *examination, const struct path *path)
{
	int family = path->user->any.sa_family;
	const char *rules = examination_firewall(examination, family);
	char remedy[REMEDY_MAX_LEN];

	strcpy(remedy, "let no rule drop what answers this host");
	if (rules)
		exemption_find_answers(rules, family, remedy, sizeof(remedy));
	finding_wrong(examination->findings, remedy,
	    "%s: what %s answers comes to this host, which takes none of it, "
	    "for its own addresses neither: the firewall drops it (INPUT)",
	    path->prefix, path->router);
}

static void
report_silence(const struct examination *examination, const struct path *path,
    enum silence silence)
{
	const char *prefix = path->prefix, *router = path->router;
	struct findings *findings = examination->findings;
	char text[ADDRESS_STRLEN], remedy[HERE_MAX_LEN];

	address_format_host(path->user, text);
	switch (silence) {
	case SILENCE_OUTPUT:
		report_output(examination, path);
		break;
	case SILENCE_INPUT:
		report_input(examination, path);
		break;
	case SILENCE_FILTER:
		finding_wrong(findings,
		    "sysctl -w net.ipv4.conf.all.rp_filter=2",
		    "%s: what %s answers to %s comes to this host by another "
		    "interface than it would answer by, and rp_filter drops it",
		    prefix, router, text);
		break;
	case SILENCE_HERE:
		snprintf(remedy, sizeof(remedy),
		    "%s, if that was not done; else find the rule that drops "
		    "it or gives another mark: nft list ruleset; iptables-save",
		    examination->rules);
		finding_wrong(findings, remedy,
		    "%s: what %s answers to %s comes to this host, but not to "
		    "the socket: no rule of the firewall marks it, or one "
		    "drops it (INPUT, or its own check of sources)",
		    prefix, router, text);
		break;
	case SILENCE_NETWORK:
		finding_wrong(findings,
		    "see what else is wrong here; if nothing is, let the "
		    "network route the prefix to this host, and permit it to "
		    "send from there",
		    "%s: %s answers this host, but what it answers to %s does "
		    "not come back",
		    prefix, router, text);
		break;
	case SILENCE_ALL:
		finding_note(findings,
		    "%s: the way back was not tried, as %s answers nobody",
		    prefix, router);
		break;
	}
}

static uint64_t
count_filtered(void)
{
	uint64_t count = 0;

	netstat_read("TcpExt IPReversePathFilter", &count);
	return count;
}

/*
 * answers: to what has this host's own address; filtered: by rp_filter,
 * meanwhile.
 */
static enum silence
explain_silence(int packet_fd, const union address *user,
    const union address *router, bool answers, bool filtered)
{
	if (packet_fd >= 0 && !packets_have(packet_fd, user, router))
		return SILENCE_OUTPUT;
	if (!packets_have(packet_fd, router, user))
		return answers ? SILENCE_NETWORK : SILENCE_ALL;
	if (filtered)
		return SILENCE_FILTER;
	return answers ? SILENCE_HERE : SILENCE_INPUT;
}

static void
report_forbidden(
    const struct examination *examination, const struct path *path, int error)
{
	char remedy[REMEDY_MAX_LEN], text[ADDRESS_STRLEN];

	address_format_host(path->user, text);
	snprintf(remedy, sizeof(remedy),
	    "see which rule or route forbids it: ip rule; ip route get %s "
	    "from %s iif lo",
	    path->router, text);
	finding_wrong(examination->findings, remedy,
	    "%s: cannot connect from %s to %s: %s", path->prefix, text,
	    path->router, strerror(-error));
}

/* A packet to the next router, and back by the way of all replies. */
static void
check_path(const struct examination *examination, const struct path *path,
    const union address *router)
{
	struct probe probe, own;
	uint64_t filtered = count_filtered();
	int packet_fd = packets_begin(examination->packet_fd);
	int error = probe_open(&probe, path->user, router);
	bool has_own;

	if (error) {
		report_forbidden(examination, path, error);
		return;
	}
	has_own = probe_open(&own, NULL, router) == 0;
	if (probe_wait(&probe, ANSWER_MS))
		finding_ok(examination->findings,
		    "%s: what %s answers comes back here", path->prefix,
		    path->router);
	else
		report_silence(examination, path,
		    explain_silence(packet_fd, path->user, router,
			has_own && probe_wait(&own, ANSWERED_MS),
			count_filtered() > filtered));
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
	char text[PREFIX_STRLEN], router[ADDRESS_STRLEN];
	struct path path = { prefix, &user, text, router };

	prefix_format(prefix, text);
	prefix_sample(prefix, &user);
	outside_sample(user.any.sa_family, &outside);
	if (route_find(&outside, 0, &route) || route.is_local) {
		finding_note(examination->findings,
		    "%s: the way back was not tried, as there is no default "
		    "route: these users get only where other routes lead",
		    text);
	} else if (route.gateway.any.sa_family == AF_UNSPEC) {
		finding_note(examination->findings,
		    "%s: the way back was not tried, as the default route "
		    "names no router to ask",
		    text);
	} else {
		address_format_host(&route.gateway, router);
		check_path(examination, &path, &route.gateway);
	}
}
