#ifndef DOCTOR_SILENCE_H
#define DOCTOR_SILENCE_H

/* Says where a user's packet to the next router, or its answer, was lost. */

#include "doctor/context.h"
#include "doctor/port_probe.h"
#include "net/prefix.h"

/* The next router on the default route of some users. */
struct router {
	union address address;
	char text[ADDRESS_STRLEN];
	struct port_probe own; /* from this host's own address */
};

/* The way from users to their router. */
struct path {
	const struct prefix *users;
	union address user; /* one of them */
	char prefix[PREFIX_STRLEN], user_text[ADDRESS_STRLEN];
	const struct router *router;
	struct port_probe probe;
	/* Packets that were seen on the links; is_asked: for the neighbour. */
	bool has_left, has_come, is_asked;
	uint32_t came_by; /* the interface, if has_come */
};

/*
 * Reports why no answer came. is_filtered: rp_filter dropped packets meanwhile.
 * Without captured packets, set has_left.
 */
void silence_report(const struct doctor_context *context,
    const struct path *path, bool is_filtered);

/* Reports that the packet could not be sent; error: a negative errno. */
void silence_report_forbidden(
    const struct doctor_context *context, const struct path *path, int error);

/* Whether the fate of the packet or its answer depends on a rule's limit. */
bool silence_may_be_limited(
    const struct doctor_context *context, const struct path *path);

#endif
