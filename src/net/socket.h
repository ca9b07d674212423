#ifndef NET_SOCKET_H
#define NET_SOCKET_H

/*
 * TCP sockets with the options of this program (tcp(7), socket(7)). Data is
 * never held back (TCP_NODELAY). No call waits for long (SOCKET_WAIT_MS). Every
 * end but a graceful one is a reset (SO_LINGER 0), so that a connection cut off
 * by an error, an exit or a kill never looks complete.
 *
 * Functions that can fail return 0 or a negative errno; socket_listen() and
 * socket_open() return a descriptor, which the caller closes.
 */

#include <stdatomic.h>

#include "net/address.h"

/*
 * How long recv(2), send(2) and connect(2) wait, unless another limit is set.
 */
#define SOCKET_WAIT_MS 250

/* For peer_fd of socket_connect(): nobody waits for the connection. */
#define SOCKET_NO_PEER (-1)

/*
 * Opens a listener; accepted sockets inherit all of the above. The listener is
 * non-blocking, and accepted sockets block. [::] takes IPv4 too, and becomes
 * 0.0.0.0 on a host without IPv6.
 */
int socket_listen(const union address *address);

/*
 * Prepares a listener that another process opened and may share; *address
 * becomes its address. Returns -ENOTSOCK, -EPROTOTYPE or -EINVAL for a
 * descriptor that is no socket, no TCP socket or no listener. Connections
 * queued before this call did not inherit the options: see socket_prepare().
 */
int socket_adopt(int fd, union address *address);

/* Listens again, at the same address, on a listener that was shut down. */
int socket_listen_again(int fd);

/* Sets all of the above on a socket that may lack it. */
int socket_prepare(int fd);

/*
 * Turns keepalive on, for a connection that has been quiet for a while: the
 * kernel probes the peer now and then, and NAT devices keep their entry.
 */
void socket_keep_alive(int fd);

/* An unconnected socket of address family AF_INET or AF_INET6. */
int socket_open(int family);

/*
 * Connects fd. Returns -ETIMEDOUT once the deadline has passed, -ECONNABORTED
 * if the connection on peer_fd, which waits for this one, has died meanwhile,
 * and otherwise the errors of connect(2). After an error the caller closes fd,
 * or goes on if socket_is_connecting().
 */
int socket_connect(
    int fd, const union address *to, int64_t deadline, int peer_fd);

/* Whether the attempt goes on after an error such as -ETIMEDOUT. */
bool socket_is_connecting(int fd);

/* Like socket_connect() for an attempt that goes on already. */
int socket_await_connected(int fd, int64_t deadline, int peer_fd);

/*
 * Delays acknowledgements until there is data to carry them (TCP_QUICKACK in
 * tcp(7)). For a peer that never waits for an acknowledgement, as the other
 * half, which holds nothing back. Call before connecting if data is sent right
 * after.
 */
void socket_delay_acknowledgements(int fd);

/*
 * Acknowledges received data at once until the next send. For a peer that may
 * wait for it, as Nagle's algorithm does (RFC 1122, 4.2.3.4).
 */
void socket_acknowledge(int fd);

/*
 * Delays acknowledgements from now on, but sends one that waits already: that of
 * the handshake whose SYN carried the data (Fast Open), or of a peer that takes
 * no data yet (SYNPROXY).
 */
void socket_acknowledge_now(int fd);

/* Limits the wait of each recv(2) or send(2); 0: no limit. */
int socket_set_recv_timeout(int fd, int64_t wait_ms);
int socket_set_send_timeout(int fd, int64_t wait_ms);

/* Sends all bytes or fails. Each send(2) waits up to the send timeout. */
int socket_send_all(int fd, const void *data, size_t len);

/* About how many bytes send(2) would take without waiting. */
size_t socket_send_room(int fd);

/* True if recv(2) would return data at once; false for an error or an end. */
bool socket_is_readable(int fd);

/*
 * The bytes that the peer has not acknowledged yet; a FIN counts as one. Returns
 * 1 while the handshake is not acknowledged, in which Fast Open can already send.
 */
int socket_unacknowledged(int fd);

/*
 * The unacknowledged bytes that were not sent yet: they wait for the window of
 * the peer or of the network.
 */
int socket_unsent(int fd);

/* Sends what send(2) has held back by MSG_MORE. */
void socket_push(int fd);

/*
 * Waits until the peer has acknowledged everything, the connection has ended, the
 * deadline (base/deadline.h) has passed, or *stop is true (NULL: never).
 */
void socket_await_acknowledged(
    int fd, int64_t deadline, const atomic_bool *stop);

/* How many bytes the peer has acknowledged since the start; 0: unknown. */
uint64_t socket_acknowledged(int fd);

enum socket_end {
	SOCKET_END_NONE, /* cut off, or this side was shut down */
	SOCKET_END_FIN,
	SOCKET_END_OVER, /* a FIN, and ours is acknowledged: nothing is left to do */
};

/* How the stream ended, after recv(2) returned 0 after that many bytes. */
enum socket_end socket_find_end(int fd, uint64_t received);

/* True once a reset, a timeout or both FINs have ended the connection. */
bool socket_is_closed(int fd);

/*
 * For a complete stream: whether close(2), and a kill, ends the connection
 * without a reset. The kernel then goes on delivering the sent data and a FIN.
 */
void socket_set_graceful(int fd, bool graceful);
void socket_close_gracefully(int fd);

#endif
