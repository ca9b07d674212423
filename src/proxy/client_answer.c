#include "proxy/client_answer.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/deadline.h"
#include "base/wall_clock.h"
#include "proxy/protocol.h"
#include "proxy/replay.h"
#include "relay/state.h"

#define CLASS_LEN 32

#define LIMITS "read the newest warnings in the server half's log"
#define DOCTOR "run srcproxy doctor server on the exit"
#define VERSIONS "update the older one of both halves"

struct cause {
	uint8_t status;
	int error;
	const char *cause, *advice;
};

static const struct cause causes[] = {
	{ PROTOCOL_BAD_VERSION, -EPROTO, "it does not speak this version",
	    VERSIONS },
	{ PROTOCOL_MALFORMED, -EPROTO, "it calls the request malformed",
	    VERSIONS },
	{ PROTOCOL_BAD_OPCODE, -EPROTO, "it does not know the opcode",
	    VERSIONS },
	{ PROTOCOL_NOT_AUTHORIZED, -EACCES, "not authorized",
	    "make outbound.auth here one of acl[].auth there" },
	{ PROTOCOL_CLOCK_OFF, -ETIME, "the clocks differ too much",
	    "synchronize the clocks of both hosts (NTP)" },
	{ PROTOCOL_REPLAY, -EALREADY, "the request was used before",
	    "if the server half started a moment ago, try again; otherwise "
	    "find out who repeats packets between the hosts" },
	{ PROTOCOL_SOURCE_DENIED, -EACCES, "source not allowed",
	    "add the source to this user's allowed_src_ips there" },
	{ PROTOCOL_DESTINATION_DENIED, -EACCES, "destination not allowed",
	    "look at denied_dst_ips and allowed_dst_ips there" },
	{ PROTOCOL_LIMITED, -EDQUOT, "the user has reached max_connections",
	    "raise this user's max_connections there" },
	{ PROTOCOL_EXHAUSTED, -ENOBUFS, "its resources are exhausted", LIMITS },
	{ PROTOCOL_NETWORK_FAILURE, -ENETDOWN,
	    "it has no route, or cannot use the source", DOCTOR },
	{ PROTOCOL_REFUSED, -ECONNREFUSED, "the destination refused",
	    "see who resets it: the destination, or a firewall" },
	{ PROTOCOL_UNREACHABLE, -EHOSTUNREACH, "the destination is unreachable",
	    DOCTOR },
	{ PROTOCOL_TIMED_OUT, -ETIMEDOUT, "the destination did not answer",
	    DOCTOR },
};

/* By class, for a status of a later version. */
static const struct cause classes[] = {
	{ 0, -EPROTO, "it does not take the request", VERSIONS },
	{ 32, -EACCES, "this request is not allowed", LIMITS },
	{ 64, -ENOBUFS, "it has failed", LIMITS },
	{ 96, -EHOSTUNREACH, "the destination has failed", DOCTOR },
	{ 128, -EPROTO, "it answers with bytes that are no answer", VERSIONS },
};

static const struct cause *
find_cause(uint8_t status)
{
	size_t class = status / CLASS_LEN;
	size_t last = COUNT(classes) - 1;

	for (size_t i = 0; i < COUNT(causes); i++) {
		if (causes[i].status == status)
			return &causes[i];
	}
	return &classes[class < last ? class : last];
}

int
client_answer_read(const uint8_t *answer, size_t len)
{
	if (answer[0] == PROTOCOL_CONNECTED)
		return 0;
	if (answer[0] == PROTOCOL_CLOCK_OFF && len < 1 + PROTOCOL_TIME_LEN)
		return -EAGAIN;
	return find_cause(answer[0])->error;
}

/* The first byte has come: the deadline for the rest. */
static int64_t
hasten(int64_t deadline)
{
	return deadline_left(deadline) > RELAY_ANSWER_REST_MS
	    ? deadline_after(RELAY_ANSWER_REST_MS)
	    : deadline;
}

int
client_answer_receive(int fd, int64_t deadline,
    uint8_t answer[CLIENT_ANSWER_MAX_LEN], size_t *len)
{
	struct pollfd server = { .fd = fd, .events = POLLIN };

	*len = 0;
	do {
		ssize_t received;

		if (deadline_left(deadline) == 0)
			return -ETIMEDOUT;
		if (poll(&server, 1, deadline_poll(deadline)) <= 0)
			continue;
		received = recv(fd, answer + *len, 1, MSG_DONTWAIT);
		if (received == 0)
			return -ENODATA;
		if (received < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (received > 0 && ++*len == 1)
			deadline = hasten(deadline);
	} while (*len == 0 || client_answer_read(answer, *len) == -EAGAIN);
	return 0;
}

/*
 * By how much the clocks differ, if that of the server half is known. If they
 * agree, the request came too late: it went with a SYN that was not answered
 * for a minute (TCP Fast Open), and its bytes were not to be changed any more.
 */
static void
format_clock(const char *before, const uint8_t *answer, char *text)
{
	uint64_t here = wall_clock_now();
	uint64_t there = protocol_decode_time(answer + 1);
	uint64_t off_ms = here < there ? there - here : here - there;
	bool is_late = off_ms <= REPLAY_WINDOW_MS / 2;

	snprintf(text, CLIENT_ANSWER_STRLEN,
	    "%s%s: this host is %" PRIu64 ".%03" PRIu64 " s %s", before,
	    is_late ? "the request was too long on its way, and the clocks "
		      "agree"
		    : find_cause(PROTOCOL_CLOCK_OFF)->cause,
	    off_ms / 1000, off_ms % 1000, here < there ? "behind" : "ahead");
}

static const char *
format_cause(const char *before, const uint8_t *answer, size_t len, char *text)
{
	if (answer[0] == PROTOCOL_CLOCK_OFF && len >= 1 + PROTOCOL_TIME_LEN)
		format_clock(before, answer, text);
	else
		snprintf(text, CLIENT_ANSWER_STRLEN, "%s%s", before,
		    find_cause(answer[0])->cause);
	return text;
}

const char *
client_answer_cause(
    const uint8_t *answer, size_t len, char text[CLIENT_ANSWER_STRLEN])
{
	return format_cause("", answer, len, text);
}

const char *
client_answer_reason(
    const uint8_t *answer, size_t len, char text[CLIENT_ANSWER_STRLEN])
{
	bool is_destination = answer[0] / CLASS_LEN == 3;

	return format_cause(
	    is_destination ? "" : "refused by the server half: ", answer, len,
	    text);
}

const char *
client_answer_advice(uint8_t status)
{
	return find_cause(status)->advice;
}
