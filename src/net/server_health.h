#ifndef NET_SERVER_HEALTH_H
#define NET_SERVER_HEALTH_H

/*
 * Which addresses of servers are away: the last attempt to connect failed.
 * Where there are others, those are tried first. After 30 s, so that no user
 * has to wait for it, a thread looks again: it connects and closes without a
 * byte. The log says once that an address is away, and once that it is back.
 * Any thread may call these functions.
 */

#include <stdbool.h>
#include <stddef.h>

#include "net/address.h"
#include "net/local_bind.h"

/*
 * Moves the addresses that are away behind the others; otherwise the order
 * stays. Returns the number of those that are not away. Starts the threads that
 * look again; these connect as local_bind has it.
 */
size_t server_health_sort(
    union address *servers, size_t count, const struct local_bind *local_bind);

/* error: a negative errno of connecting; -ETIMEDOUT: no answer for seconds. */
void server_health_failed(const union address *server, int error);

/*
 * No answer yet, while another one has answered. One lost packet is enough for
 * that, so a thread looks at once, and only then the log may say so. fast: the
 * SYN was one of Fast Open; if the thread is answered this is held against it.
 */
void server_health_doubt(const union address *server,
    const struct local_bind *local_bind, bool fast);

/* It costs nothing while no address is away. */
void server_health_answered(const union address *server);

/* How long to wait until the silence of a server is worth a line. */
#define SERVER_HEALTH_SILENT_MS 3000

/*
 * True if the error of connecting is due to the server or the way there, not to
 * this host.
 */
bool server_health_concerns(int error);

#endif
