#ifndef DOCTOR_TRACE_H
#define DOCTOR_TRACE_H

/*
 * Packets of users' connections, followed through this host's firewall
 * (walk.h). Root's; where the firewall was not read nothing can be told.
 */

#include <net/if.h>

#include "doctor/context.h"
#include "firewall/remedy.h"
#include "net/prefix.h"

/*
 * The first packet of a TCP connection, or of a UDP one. iif: the link it comes
 * in by, which the source is reached by; NULL: not known, or none.
 */
void trace_begin(struct walk *walk, const union address *from,
    const union address *to, uint8_t protocol, const char *iif);

void trace_set(struct walk *walk, enum field field, uint64_t number);
void trace_set_name(struct walk *walk, enum field field, const char *name);

/* Makes it the next packet the same way, of a connection that is known. */
void trace_follow(struct walk *walk);

/*
 * The answer to what request has become, from its destination. oif: the link
 * it leaves by; NULL: not known.
 */
void trace_answer(
    struct walk *walk, const struct walk *request, const char *oif);

/* A user's connection from this host to somebody outside, and the answer. */
struct outgoing {
	char link[IF_NAMESIZE]; /* that it leaves by, "": no route */
	struct walk sent, answer;
	bool is_rewritten; /* its source may be; then answer says nothing */
};

/* remote: AF_UNSPEC: anybody, by the default route. */
void trace_outgoing(const struct doctor_context *context,
    const union address *user, const union address *remote,
    struct outgoing *outgoing);

/*
 * Says that the firewall drops it, and what lets it pass, or that this cannot
 * be told. what: "198.51.100.0/24: ...", the packets. Returns false if neither
 * is so.
 */
bool trace_report(const struct doctor_context *context, const struct walk *walk,
    const struct selection *selection, const char *what);

#endif
