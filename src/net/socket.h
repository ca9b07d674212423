#ifndef NET_SOCKET_H
#define NET_SOCKET_H

/*
 * TCP sockets as this program wants them (tcp(7), socket(7)): nothing held
 * back (TCP_NODELAY), no call that waits for long (SOCKET_WAIT_MS), and,
 * whatever ends them but a graceful end, a reset (SO_LINGER 0). A
 * connection that is cut off by an error, an exit or a kill can so never look
 * like a complete one.
 *
 * Functions that can fail return 0, or a negative errno; socket_listen() and
 * socket_open() a descriptor, which the caller closes.
 */

#include "net/address.h"

/* How long recv(2), send(2) and connect(2) wait, if nothing else was set. */
#define SOCKET_WAIT_MS 250

/* The peer_fd of socket_connect() where nobody waits for the connection. */
#define SOCKET_NO_PEER (-1)

/*
 * A listener; accepted sockets inherit all of the above. It does not block, and
 * they do. [::] takes IPv4 too, and becomes 0.0.0.0 on a host without IPv6.
 */
int socket_listen(const union address *address);

/*
 * Makes such a listener of one that somebody else opened, and that others may
 * have too; *address becomes its own. -ENOTSOCK, -EPROTOTYPE and -EINVAL for
 * what is no socket, no TCP and no listener. What it had accepted by then, it
 * may hand out as it was: see socket_prepare().
 */
int socket_adopt(int fd, union address *address);

/* For a listener that somebody has shut down: where it was. */
int socket_listen_again(int fd);

/* All of the above for a socket that does not have it yet. */
int socket_prepare(int fd);

/*
 * For a connection that has been quiet for a while: from now on the peer is
 * asked now and then whether it is there, and NAT keeps its entry (keepalive).
 */
void socket_keep_alive(int fd);

/* An unconnected socket of address family AF_INET or AF_INET6. */
int socket_open(int family);

/*
 * Connects fd. -ETIMEDOUT once the deadline has passed, -ECONNABORTED when
 * meanwhile the connection on peer_fd, for which this is done, has died;
 * else as connect(2). After an error fd is of no use but to be closed.
 */
int socket_connect(
    int fd, const union address *to, int64_t deadline, int peer_fd);

/*
 * Lets acknowledgements wait for data to go with (TCP_QUICKACK in tcp(7)): for
 * a peer who never waits for them, as the other half, which holds nothing
 * back. Before connecting: when data is sent as soon as that has been done.
 */
void socket_delay_acknowledgements(int fd);

/*
 * Acknowledges at once what has been received, and so on until data is sent:
 * for a peer who may wait for it, as Nagle's algorithm does (RFC 1122, 4.2.3.4).
 */
void socket_acknowledge(int fd);

/* No recv(2) or send(2) waits longer than that; 0: no limit. */
int socket_set_recv_timeout(int fd, int64_t wait_ms);
int socket_set_send_timeout(int fd, int64_t wait_ms);

/* Sends all or fails; waits for the peer as long as the send timeout says. */
int socket_send_all(int fd, const void *data, size_t len);

/* About how many bytes send(2) would take without waiting. */
size_t socket_send_room(int fd);

/* True if recv(2) would return bytes at once; of errors and ends: nothing. */
bool socket_is_readable(int fd);

/* Bytes, and a FIN counted as one, that the peer has not acknowledged yet. */
int socket_unacknowledged(int fd);

/* Of these, what waits for the peer's window, or for the network's. */
int socket_unsent(int fd);

/* How many bytes the peer has acknowledged since the start; 0: unknown. */
uint64_t socket_acknowledged(int fd);

enum socket_end {
	SOCKET_END_NONE, /* it was cut off, or this end was shut down */
	SOCKET_END_FIN,
	SOCKET_END_OVER, /* and ours is acknowledged: nothing is left to do */
};

/* How it ended when recv(2) gave 0 after that many bytes. */
enum socket_end socket_find_end(int fd, uint64_t received);

/* True once a reset, a timeout or both FINs have ended the connection. */
bool socket_is_closed(int fd);

/*
 * Whether what ends it, be it a kill, is no reset: the kernel goes on to deliver
 * what was sent, and a FIN. For streams that are complete.
 */
void socket_set_graceful(int fd, bool graceful);
void socket_close_gracefully(int fd);

#endif
