#ifndef TCP_H
#define TCP_H

/*
 * Plain TCP sockets on loopback for tests, and a stream of bytes of which each
 * side knows what it has to be. What goes wrong in here fails the test; a recv
 * or send that nothing ends gives up with EAGAIN after a minute.
 */

#include "net/address.h"

/* 1 or, on a host with IPv6, 2: for loop tests over tcp_family(_i). */
int tcp_family_count(void);
int tcp_family(int index);

/* Port 0. */
union address tcp_loopback(int family);
/* What the socket is bound to. */
union address tcp_bound(int fd);

int tcp_listen(int family, int backlog);
int tcp_connect(const union address *to);
int tcp_accept(int listen_fd);

/* Connected: ours is as socket.h makes them, theirs is a plain one. */
void tcp_open_pair(int family, int *ours, int *theirs);

/* The bytes from there on of the stream with that seed. */
void tcp_make_stream(uint8_t *data, unsigned seed, uint64_t from, size_t len);

/*
 * Sends bytes from..to-1 of the stream; returns how many of them the kernel took,
 * fewer only on an error, which is in errno.
 */
uint64_t tcp_send(int fd, unsigned seed, uint64_t from, uint64_t to);

/* Sends until nothing has been taken for that long; returns how many. */
uint64_t tcp_fill(
    int fd, unsigned seed, uint64_t from, uint64_t to, int quiet_ms);

struct tcp_reading {
	uint64_t count;
	bool intact; /* the bytes were those of the stream */
	int error;   /* 0: end of file */
};

/* Reads until it ends. */
struct tcp_reading tcp_read_all(int fd, unsigned seed);
/* The same; fails the test unless that many bytes, and that error, come. */
void tcp_expect_all(int fd, unsigned seed, uint64_t count, int error);
/* Reads bytes from..to-1, fails the test unless they come. */
void tcp_expect(int fd, unsigned seed, uint64_t from, uint64_t to);

/* The peer's kernel has all that was sent. */
void tcp_await_acknowledged(int fd);
/* The connection has ended, by a reset or by both FINs. */
void tcp_await_closed(int fd);

/* Closes with a reset. What was not acknowledged yet is lost. */
void tcp_reset(int fd);

#endif
