#ifndef PROXY_CLIENT_CONNECT_H
#define PROXY_CLIENT_CONNECT_H

/*
 * The client half's way to a server: it connects to the first address that
 * answers, as RFC 8305 has it, and sends the request there and nowhere else.
 *
 * The addresses are tried in the order of the configuration, those that are
 * away last (server_health.h). The next attempt begins when the last one has
 * failed, or after 300 ms without an answer while the last one goes on.
 *
 * The SYN of the first attempt carries the request (fast_open.h). If its answer
 * is lost, another server gets the request as well: that destination sees one
 * connection more, which ends without a byte. So the SYN carries the user's
 * bytes only if no other address is left to try.
 */

#include "proxy/role.h"

/*
 * Returns a descriptor on which the request of connection->facts has been sent,
 * or a negative errno as dial() of role.h.
 */
int client_connect(struct connection *connection);

#endif
