#include "doctor/checks.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/deadline.h"
#include "kernel/sysctl.h"
#include "net/congestion.h"
#include "net/fast_open.h"
#include "net/socket.h"

#define CONNECT_MS 5000
#define SETTLE_MS 1000

/* Bits of net.ipv4.tcp_fastopen. */
#define SYSCTL_CLIENT 1
#define SYSCTL_SERVER 2

/* Assumed if no round trip was measured. */
#define USUAL_ROUND_TRIP_MS 100

/* A single stream slower than this, in Mbit/s, is worth a note. */
#define SLOW_MBIT 100

static bool
has_bbr(void)
{
	int fd = socket_open(AF_INET);
	int error = fd < 0 ? fd : congestion_set(fd, "bbr");

	if (fd >= 0)
		close(fd);
	return error != -ENOENT;
}

static void
report_usual(struct findings *findings, int fd)
{
	char name[CONGESTION_MAX_LEN + 1];

	congestion_read(fd, name);
	if (!strcmp(name, "bbr"))
		finding_ok(findings,
		    "congestion control: the leg between the halves "
		    "uses bbr, the default of this host");
	else
		finding_note(findings,
		    "congestion control: the leg between the halves "
		    "uses %s, the default of this host; bbr is faster "
		    "where packets are lost on the way: %s",
		    name,
		    has_bbr()
			? "set congestion: \"bbr\""
			: "modprobe tcp_bbr, and then set congestion: \"bbr\"");
}

static void
check_congestion(const struct doctor_context *context)
{
	const char *name = context->config->leg.congestion;
	struct findings *findings = context->findings;
	struct text remedy;
	int fd = socket_open(AF_INET);
	int error = fd < 0 ? fd : congestion_set(fd, name);

	if (fd >= 0 && !*name)
		report_usual(findings, fd);
	else if (!error)
		finding_ok(findings,
		    "congestion control: %s is available for the leg "
		    "between the halves",
		    name);
	else if (error == -ENOENT) {
		text_set(&remedy,
		    "load it (modprobe tcp_%s), or name another one", name);
		finding_problem(findings, NULL, remedy.chars,
		    "congestion control: this kernel does not have %s", name);
	} else if (error == -EPERM) {
		text_set(&remedy,
		    "sysctl -w net.ipv4.tcp_allowed_congestion_control="
		    "\"$(sysctl -n net.ipv4.tcp_allowed_congestion_control) "
		    "%s\"",
		    name);
		finding_problem(findings, remedy.chars, "",
		    "congestion control: this user (uid %u) may not choose %s",
		    getuid(), name);
	}
	if (fd >= 0)
		close(fd);
}

/* Returns Mbit/s, for a window in bytes. */
static double
reach(double window, double round_trip_ms)
{
	return window * 8 / 1000 / round_trip_ms;
}

/*
 * A socket's buffer holds more than the bytes of the stream. TCP offers half of
 * the largest receive buffer to the peer (tcp(7), tcp_adv_win_scale). At most
 * about two thirds of the largest send buffer are in flight. Measured on Linux
 * 6.18.
 */
static void
report_reach(struct findings *findings, double round_trip_ms, const char *where)
{
	long receive, send;
	double in, out;

	if (!sysctl_read_last("ipv4/tcp_rmem", &receive) ||
	    !sysctl_read_last("ipv4/tcp_wmem", &send))
		return;
	in = reach((double)receive / 2, round_trip_ms);
	out = reach((double)send * 2 / 3, round_trip_ms);
	if (in >= SLOW_MBIT && out >= SLOW_MBIT)
		finding_ok(findings,
		    "one stream: at a round trip of %.0f ms%s this host can "
		    "receive about %.0f Mbit/s and send %.0f "
		    "(net.ipv4.tcp_rmem, tcp_wmem), if the other host can, too",
		    round_trip_ms, where, in, out);
	else
		finding_note(findings,
		    "one stream: at a round trip of %.0f ms%s this host "
		    "can receive at most about %.0f Mbit/s and send "
		    "%.0f; for more, raise the last numbers of "
		    "net.ipv4.tcp_rmem and tcp_wmem on both hosts",
		    round_trip_ms, where, in, out);
}

static void
check_fast_open_sysctl(const struct doctor_context *context, bool is_server)
{
	struct findings *findings = context->findings;
	long value;

	if (!sysctl_read("ipv4/tcp_fastopen", &value))
		return;
	if (value & (is_server ? SYSCTL_SERVER : SYSCTL_CLIENT)) {
		if (is_server)
			finding_ok(findings,
			    "TCP Fast Open: this host accepts requests in the "
			    "SYN");
		return;
	}
	finding_note(findings,
	    "TCP Fast Open: net.ipv4.tcp_fastopen is %ld, so requests cannot "
	    "go in the SYN, and each connection takes one more round trip; to "
	    "permit it: sysctl -w net.ipv4.tcp_fastopen=3",
	    value);
}

void
doctor_leg_look(struct doctor_context *context)
{
	if (context->config->kind == CONFIG_SERVER)
		check_congestion(context);
}

void
doctor_leg_check(struct doctor_context *context)
{
	const struct config *config = context->config;
	bool is_server = config->kind == CONFIG_SERVER;

	if (config->leg.fast_open)
		check_fast_open_sysctl(context, is_server);
	if (is_server)
		report_reach(context->findings, USUAL_ROUND_TRIP_MS, "");
	else
		check_congestion(context);
}

/* Sends the first byte of a request with the SYN. */
static enum fast_open_result
try_fast_open(const struct doctor_context *context, const union address *server)
{
	enum fast_open_result result = FAST_OPEN_UNKNOWN;
	int64_t deadline = deadline_after(CONNECT_MS);
	int fd = socket_open(server->any.sa_family);
	const uint8_t version = 1;
	const char *tried;

	if (fd < 0)
		return result;
	if (!local_bind_apply(&context->config->local_bind, fd,
		server->any.sa_family, &tried) &&
	    fast_open_begin(fd, NULL) &&
	    !socket_connect(fd, server, deadline, SOCKET_NO_PEER) &&
	    !fast_open_send(fd, NULL, &version, sizeof(version), deadline,
		SOCKET_NO_PEER)) {
		/* Data that a SYNPROXY holds up is sent again only after a while. */
		socket_await_acknowledged(fd, deadline_after(SETTLE_MS), NULL);
		result = fast_open_result(fd);
	}
	close(fd);
	return result;
}

#define NOT_ACCEPTED                                                          \
	"requests in the SYN are not accepted, so each connection takes one " \
	"more round trip; to permit it, set net.ipv4.tcp_fastopen=3 on the "  \
	"exit (sysctl), and no fast_open: false there"

static const char *const fast_open_notes[] = {
	[FAST_OPEN_UNKNOWN] = "cannot tell whether requests in the SYN are "
			      "accepted",
	[FAST_OPEN_NO_COOKIE] = NOT_ACCEPTED,
	[FAST_OPEN_DECLINED] = NOT_ACCEPTED,
	[FAST_OPEN_DROPPED] =
	    "SYNs that carry a request are lost on the way, and each "
	    "connection waits until one is sent again: let the firewalls on "
	    "the way accept them, or set outbound.fast_open: false",
	[FAST_OPEN_HELD_UP] = "requests in the SYN are delayed on the way, as "
			      "by a SYNPROXY: set outbound.fast_open: false",
};

static void
report_fast_open(
    struct findings *findings, enum fast_open_result result, const char *server)
{
	if (result == FAST_OPEN_TAKEN)
		finding_ok(findings,
		    "TCP Fast Open to %s: requests in the SYN are accepted",
		    server);
	else
		finding_note(findings, "TCP Fast Open to %s: %s", server,
		    fast_open_notes[result]);
}

static double
round_trip_ms(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	return info.tcpi_rtt / 1000.0;
}

/* A route may set another congestion control (congctl). */
static void
check_used(const struct doctor_context *context, int fd, const char *server)
{
	char used[CONGESTION_MAX_LEN + 1], usual[CONGESTION_MAX_LEN + 1];
	int fresh_fd = socket_open(AF_INET);

	if (fresh_fd < 0)
		return;
	congestion_read(fresh_fd, usual);
	close(fresh_fd);
	congestion_read(fd, used);
	if (!*context->config->leg.congestion && strcmp(used, usual) != 0)
		finding_note(context->findings,
		    "congestion control: a route (congctl) sets %s for "
		    "connections to %s",
		    used, server);
}

void
doctor_leg_check_server(
    const struct doctor_context *context, int fd, const union address *server)
{
	const struct leg *leg = &context->config->leg;
	struct findings *findings = context->findings;
	double ms = round_trip_ms(fd);
	char text[ADDRESS_STRLEN];
	long value;

	address_format(server, text);
	check_used(context, fd, text);
	if (ms >= 1)
		report_reach(findings, ms, " (to the server half)");
	if (!leg->fast_open || !sysctl_read("ipv4/tcp_fastopen", &value) ||
	    !(value & SYSCTL_CLIENT))
		return;
	/* The first connection brings the cookie for the second. */
	try_fast_open(context, server);
	report_fast_open(findings, try_fast_open(context, server), text);
}
