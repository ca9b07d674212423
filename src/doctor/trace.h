#ifndef DOCTOR_TRACE_H
#define DOCTOR_TRACE_H

/*
 * Follows packets of users' connections through this host's firewall (walk.h).
 * Only root can read the firewall; if it was not read, the fate is unknown.
 */

#include <net/if.h>

#include "doctor/context.h"
#include "firewall/remedy.h"
#include "net/prefix.h"

/* An address, with a port, that no user and no host here has. */
union address trace_external(int family);

/*
 * Likely users: addresses of the prefix that this host does not have, such as
 * those of a gate. If it has all of them, one of its own.
 */
union address trace_user(const struct prefix *users);
union address trace_user_first(const struct prefix *users);

/*
 * The first packet of a TCP or UDP connection. iif: the link that it comes in
 * by, which is also the route to its source; NULL: unknown, or none.
 */
void trace_begin(struct walk *walk, const union address *from,
    const union address *to, uint8_t protocol, const char *iif);

void trace_set(struct walk *walk, enum field field, uint64_t number);
void trace_set_name(struct walk *walk, enum field field, const char *name);

/*
 * Makes *walk the answer to request, as request is after its own walk. oif: the
 * link that the answer leaves by; NULL: unknown.
 */
void trace_answer(
    struct walk *walk, const struct walk *request, const char *oif);

/*
 * Finds the route by which this host sends a user's packets to that address.
 * False: there is none, or they stay here.
 */
bool trace_find_route(const struct doctor_context *context,
    const union address *user, const union address *remote,
    struct routing_answer *route);

/* Finds the link of that route; "": none. */
void trace_find_link(const struct doctor_context *context,
    const union address *user, const union address *remote,
    char link[IF_NAMESIZE]);

/* A user's connection from this host to an outside host, and the answer. */
struct outgoing {
	char link[IF_NAMESIZE]; /* that it leaves by; "": no route */
	struct walk sent, answer;
	bool is_rewritten; /* its source may be; then answer is meaningless */
};

/* remote: AF_UNSPEC: any host, by the default route. */
void trace_outgoing(const struct doctor_context *context,
    const union address *user, const union address *remote,
    struct outgoing *outgoing);

/* Follows the answer again, as one that comes in by that link. */
void trace_answer_by(const struct doctor_context *context, const char *link,
    struct outgoing *outgoing);

/* Follows the first packet of such a connection, to any host and port. */
void trace_to_any(const struct doctor_context *context,
    const union address *user, struct walk *sent);

/* Selects packets of these users, or replies to them. */
struct selection trace_select(const struct prefix *users, bool is_reply);

/* Sets the text to "198.51.100.0/24: ", or "" if no users are selected. */
const char *trace_format_users(
    const struct selection *selection, struct text *text);

/*
 * Reports that the firewall drops the packets, with the command that lets them
 * pass, or that their fate is unknown. selection names the users, if any; what
 * names the packets. Returns false if there is nothing to report.
 */
bool trace_report(const struct doctor_context *context, const struct walk *walk,
    const struct selection *selection, const char *what);

#endif
