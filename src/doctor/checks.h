#ifndef DOCTOR_CHECKS_H
#define DOCTOR_CHECKS_H

/*
 * The checks, each in the file of its name. They add their findings to the
 * context. Those named "look" need root, such as for reading the firewall.
 */

#include "doctor/context.h"
#include "net/prefix.h"

/*
 * Either half: the address to listen on, the limits, and the options that this
 * user's sockets need, by setting them.
 */
void doctor_host_check(struct doctor_context *context);

/*
 * Whether this host forwards traffic that is not carried: users' DNS and ping,
 * and connections to users. Carrying does not need it: a note at most.
 */
void forwarding_check(struct doctor_context *context);

/*
 * How fast the leg between the halves can be. The server half is still root
 * when it sets up its listeners. fd: the client half's connection to the
 * server. The check opens further ones, and closes them before they have sent a
 * whole request.
 */
void doctor_leg_look(struct doctor_context *context);
void doctor_leg_check(struct doctor_context *context);
void doctor_leg_check_server(
    const struct doctor_context *context, int fd, const union address *server);

/* The gate: whether users' connections reach the client half. */
void doctor_client_look(struct doctor_context *context);
void doctor_client_check(struct doctor_context *context);

/* Whether some users are this host: only rules --output redirect those. */
bool doctor_client_has_own(const struct doctor_context *context);

/*
 * The same in the inbound mode "tproxy": what concerns the whole host, and the
 * users of a prefix, of which the arrival needs to name no more than the link.
 */
struct arrival;
void tproxy_check_host(const struct doctor_context *context);
void tproxy_check_users(struct arrival *arrival);

/*
 * The gate's other networks, such as a LAN. Users' connections to them are
 * redirected like all others, so they fail unless the exit reaches them. Call
 * it only if the firewall's rules are known.
 */
void local_network_check(const struct doctor_context *context);

/*
 * A provider may delegate another prefix. Then inbound.users does not contain
 * the users' addresses, and no rule redirects their connections. This host has
 * an address of the new prefix on their link; the check reports it in a note.
 */
void user_link_check(const struct doctor_context *context);

/*
 * Whether the client half reaches the server half and is served, which takes
 * some seconds if the server does not answer. look: whether the firewall
 * redirects this half's connections. own: servers that are this host itself:
 * a loop, or nobody listens. That is cheap: it sends no packet and resolves no
 * name.
 */
void client_to_server_look(struct doctor_context *context);
void client_to_server_check(struct doctor_context *context);
void client_to_server_check_own(const struct doctor_context *context);

/*
 * The exit: whether the server half can connect from the users' addresses,
 * which takes some seconds if no router answers. own_sources: users' prefixes
 * that hold an address of this host.
 */
void doctor_server_look(struct doctor_context *context);
void doctor_server_check(struct doctor_context *context);
void doctor_server_check_own_sources(const struct doctor_context *context);

/*
 * Whether the firewall lets gates connect to the server half. They may come in
 * by any link and from any address. A rule that stops only some is a note.
 */
void intake_check(const struct doctor_context *context);

/*
 * Whether the firewall leaves the users' addresses unchanged. Sends a packet
 * from a user's address by the default route, and asks conntrack for its new
 * source, which only root may. Without a route, reports nothing.
 */
void source_nat_check(
    const struct doctor_context *context, const struct prefix *prefix);

/*
 * Whether the firewall drops packets between the users and an external host.
 * has_answer: a router answered the users, so an unknown fate is not reported.
 * Returns true if it has reported something. The note is about a rule that may
 * drop other connections of users than those that were tried.
 */
bool external_check(const struct doctor_context *context,
    const struct prefix *users, bool has_answer);
void external_note_some(
    const struct doctor_context *context, const struct prefix *users);

/*
 * Tries, from a user's address, the way that all connections of the server half
 * take: out by the default route, and back to its socket. Connects to the next
 * router from each prefix. A refusal also proves the way back. A listener of
 * this host would not prove it: its replies pass no firewall on their way in.
 * Prefixes are tried in parallel: it takes 10 s at most, for any number of
 * them, even if no router answers.
 */
void return_path_check(const struct doctor_context *context,
    const struct prefix *prefixes, size_t count);

#endif
