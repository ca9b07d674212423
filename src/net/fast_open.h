#ifndef NET_FAST_OPEN_H
#define NET_FAST_OPEN_H

/*
 * TCP Fast Open between the halves (RFC 7413, tcp(7)): the SYN of the client
 * half carries the request, so that the answer comes a round trip earlier. The
 * kernel gets a cookie from each server with the first connection.
 *
 * Some paths drop a SYN with data, or hold its data up, which costs time at
 * each connection, and the kernel does not notice. So each connection's outcome
 * is noted by server, and after two bad ones in a row that server is connected
 * to without Fast Open for an hour. Any thread may call these functions.
 * Where server is NULL nothing is noted, nor asked.
 */

#include <stddef.h>
#include <stdint.h>

#include "net/address.h"

/* A listener accepts data with SYNs, or no more; the kernel's sysctl decides. */
void fast_open_listen(int fd, bool is_on);

/*
 * Before fd connects: with a cookie connect(2) then only chooses addresses and
 * ports and returns 0, and fast_open_send() sends the SYN. False, and nothing
 * is done, if it is off for this server or on this host.
 */
bool fast_open_begin(int fd, const union address *server);

/*
 * How long, in milliseconds, to wait for a user's first bytes, so that they
 * are sent with the SYN: an eighth of the round trip that this saves, 0 where
 * the server did not take data the last time.
 */
int fast_open_patience(const union address *server);

/*
 * Sends all of the first bytes on fd, for which fast_open_begin() returned
 * true, and returns once it is connected: 0, or a negative errno, of
 * socket_connect() if it was not. -ECONNRESET and -EPIPE: it was connected.
 */
int fast_open_send(int fd, const union address *server, const void *data,
    size_t len, int64_t deadline, int peer_fd);

/* After connect(2): whether it left the SYN to fast_open_send(). */
bool fast_open_is_deferred(int fd);

/* The server did not answer a SYN of Fast Open, but an ordinary one. */
void fast_open_failed(const union address *server);

/* Goes on after fast_open_send() returned -ETIMEDOUT; the data is the same. */
int fast_open_await(int fd, const union address *server, const void *data,
    size_t len, int64_t deadline, int peer_fd);

/*
 * At the connection's end, before close(2): whether time was lost after
 * fast_open_send() had returned.
 */
void fast_open_end(int fd, const union address *server);

/* What TCP_INFO says of a connection that fast_open_begin() was called for. */
enum fast_open_result {
	FAST_OPEN_UNKNOWN,   /* the kernel does not tell, or not yet */
	FAST_OPEN_TAKEN,     /* the server took the data of the SYN */
	FAST_OPEN_NO_COOKIE, /* there was none yet; nothing was lost */
	FAST_OPEN_DECLINED,  /* the server did not take it; nothing was lost */
	FAST_OPEN_DROPPED,   /* the SYN was lost and had to be sent again */
	FAST_OPEN_HELD_UP,   /* the data was sent twice more: SYNPROXY */
};

enum fast_open_result fast_open_result(int fd);

#endif
