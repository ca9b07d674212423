#include "doctor/checks.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/deadline.h"
#include "doctor/silence.h"
#include "doctor/trace.h"
#include "kernel/capture.h"
#include "kernel/counters.h"
#include "kernel/proxied_address.h"
#include "net/route.h"

#define ANSWER_MS 1500
#define ALL_MS 7500 /* after that no more is begun */

/* Paths tried at once: their descriptors fit the usual limit, 1024. */
#define MANY 64
#define PAUSE_MS 1000 /* a rule that limits packets takes some again */
#define ROUTERS 8     /* all uplinks of both families */

/* The paths that are tried in parallel. */
struct wave {
	const struct doctor_context *context;
	int packet_fd;   /* or -1 */
	int64_t end;     /* no path is tried after that */
	bool is_limited; /* a rule dropped probes, because they were many */
	struct router routers[ROUTERS];
	struct path paths[MANY];
	size_t router_count, count;
};

#define NO_DEFAULT_ROUTE                                        \
	"there is no default route, so these users reach only " \
	"what other routes lead to"

/* Returns NULL, or why no router can be tested with. */
static const char *
find_gateway(const struct doctor_context *context, const union address *user,
    union address *gateway)
{
	const union address external = trace_external(user->any.sa_family);
	struct routing_answer found;
	struct route route;

	/* Of the routers that share the load, any one is enough. */
	if (trace_find_route(context, user, &external, &found) &&
	    found.interface)
		*gateway = found.gateway;
	else if (route_find(&external, 0, &route) == 0 && !route.is_local)
		*gateway = route.gateway;
	else
		return user->any.sa_family == AF_INET ? NO_DEFAULT_ROUTE
						      : NO_DEFAULT_ROUTE
		    "; a host that forwards takes one from "
		    "a router's announcements only with "
		    "net.ipv6.conf.INTERFACE.accept_ra=2";
	return gateway->any.sa_family == user->any.sa_family
	    ? NULL
	    : "the default route names no router to test with";
}

/* Each wave asks again, because a router may answer late. NULL: no room. */
static const struct router *
take_router(struct wave *wave, const union address *gateway)
{
	struct router *router = wave->routers;
	const struct router *end = router + wave->router_count;

	while (router < end && !address_equal(&router->address, gateway))
		router++;
	if (router < end)
		return router;
	if (wave->router_count == ROUTERS)
		return NULL;
	*router = (struct router){ .address = *gateway };
	address_format_host(gateway, router->text);
	port_probe_open(&router->own, NULL, &router->address);
	wave->router_count++;
	return router;
}

static bool
has_room(int error)
{
	return error != -EMFILE && error != -ENFILE;
}

/* False: the next wave begins with this prefix. */
static bool
add(struct wave *wave, const struct prefix *users)
{
	struct path *path = &wave->paths[wave->count];
	union address gateway;
	const char *why_not;
	int error;

	*path =
	    (struct path){ .users = users, .has_left = wave->packet_fd < 0 };
	prefix_format(users, path->prefix);
	/* Of a prefix on the link, single addresses may be answered for. */
	if (!proxied_address_find(users, &path->user))
		path->user = prefix_sample(users);
	address_format_host(&path->user, path->user_text);
	why_not = find_gateway(wave->context, &path->user, &gateway);
	if (why_not) {
		finding_note(wave->context->findings,
		    "%s: the return path was not tested: %s", path->prefix,
		    why_not);
		external_check(wave->context, users, false);
		return true;
	}
	path->router = take_router(wave, &gateway);
	if (!path->router)
		return false;
	error =
	    port_probe_open(&path->probe, &path->user, &path->router->address);
	if (!error)
		wave->count++;
	else if (wave->count > 0 && !has_room(error))
		return false;
	else
		silence_report_forbidden(wave->context, path, error);
	return true;
}

/* Returns the number of prefixes that this wave takes. */
static size_t
begin(struct wave *wave, const struct prefix *prefixes, size_t count)
{
	size_t done = 0;

	wave->count = wave->router_count = 0;
	while (done < count && wave->count < MANY && add(wave, &prefixes[done]))
		done++;
	return done;
}

static void
look_at_packets(struct wave *wave)
{
	uint8_t packet[CAPTURE_MAX_LEN];
	uint32_t interface;
	size_t len;

	while (wave->packet_fd >= 0 &&
	    (len = capture_next(wave->packet_fd, packet, &interface))) {
		for (size_t i = 0; i < wave->count; i++) {
			struct path *path = &wave->paths[i];
			const union address *router = &path->router->address;

			path->has_left |= capture_is_segment(
			    packet, len, &path->user, router);
			if (capture_is_segment(
				packet, len, router, &path->user)) {
				path->has_come = true;
				path->came_by = interface;
			}
			path->is_asked |=
			    capture_is_question(packet, len, &path->user);
		}
	}
}

static bool
all_answered(const struct wave *wave)
{
	for (size_t i = 0; i < wave->count; i++) {
		if (!wave->paths[i].probe.is_answered)
			return false;
	}
	return true;
}

/* Waits for the deadline, or until all paths have their answer. */
static void
await(struct wave *wave, int64_t deadline)
{
	struct pollfd polled[1 + (ROUTERS + MANY) * PROBE_PORTS];
	struct port_probe *probes[ROUTERS + MANY];
	size_t count = 0;

	for (size_t i = 0; i < wave->router_count; i++)
		probes[count++] = &wave->routers[i].own;
	for (size_t i = 0; i < wave->count; i++)
		probes[count++] = &wave->paths[i].probe;
	polled[0] = (struct pollfd){ wave->packet_fd, POLLIN, 0 };
	for (size_t i = 0; i < count; i++)
		probe_watch(probes[i], &polled[1 + i * PROBE_PORTS]);
	while (!all_answered(wave) &&
	    poll(polled, 1 + count * PROBE_PORTS, deadline_poll(deadline)) >
		0) {
		look_at_packets(wave);
		for (size_t i = 0; i < count; i++)
			probe_look(probes[i], &polled[1 + i * PROBE_PORTS]);
	}
	look_at_packets(wave);
}

static bool
is_answered_alone(const struct wave *wave, const struct path *path)
{
	struct wave alone = { .context = wave->context,
		.packet_fd = wave->packet_fd,
		.paths[0] = *path,
		.count = 1 };
	struct port_probe *probe = &alone.paths[0].probe;

	poll(NULL, 0, PAUSE_MS);
	if (port_probe_open(probe, &path->user, &path->router->address))
		return false;
	await(&alone, deadline_after(ANSWER_MS));
	port_probe_close(probe);
	return probe->is_answered;
}

/*
 * A rule that limits packets may drop those of so many probes, but pass a user's
 * connection.
 */
static bool
is_limited(struct wave *wave, const struct path *path)
{
	if (!silence_may_be_limited(wave->context, path))
		return false;
	if (!wave->is_limited && deadline_left(wave->end) > 0)
		wave->is_limited = is_answered_alone(wave, path);
	return wave->is_limited;
}

static void
finish(struct wave *wave, bool is_filtered)
{
	const struct doctor_context *context = wave->context;

	for (size_t i = 0; i < wave->count; i++) {
		struct path *path = &wave->paths[i];

		if (!path->probe.is_answered && is_limited(wave, path))
			external_check(context, path->users, false);
		else if (!path->probe.is_answered)
			silence_report(context, path, is_filtered);
		else if (!external_check(context, path->users, true)) {
			finding_ok(context->findings,
			    "%s: reply packets from the router %s come back to "
			    "this host",
			    path->prefix, path->router->text);
			external_note_some(context, path->users);
		}
		port_probe_close(&path->probe);
	}
	for (size_t i = 0; i < wave->router_count; i++)
		port_probe_close(&wave->routers[i].own);
}

void
return_path_check(const struct doctor_context *context,
    const struct prefix *prefixes, size_t count)
{
	struct wave wave = { .context = context,
		.end = deadline_after(ALL_MS) };
	size_t done = 0;

	wave.packet_fd = capture_begin(context->packet_fd);
	while (done < count && deadline_left(wave.end) > 0) {
		uint64_t filtered = counters_filtered();

		done += begin(&wave, prefixes + done, count - done);
		await(&wave, deadline_after(ANSWER_MS));
		finish(&wave, counters_filtered() > filtered);
	}
	if (done < count)
		finding_note(context->findings,
		    "the return path of %zu more prefixes was not "
		    "tested: waiting for silent routers took too long",
		    count - done);
}
