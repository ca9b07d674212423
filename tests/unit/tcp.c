#include "tcp.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "net/socket.h"
#include "suite.h"

#define CHUNK_LEN (16 * 1024)
#define GIVE_UP_S 60

int
tcp_family(int index)
{
	return index == 0 ? AF_INET : AF_INET6;
}

int
tcp_family_count(void)
{
	union address loopback = tcp_loopback(AF_INET6);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	int count = 1;

	if (fd >= 0 && bind(fd, &loopback.any, address_len(&loopback)) == 0)
		count = 2;
	if (fd >= 0)
		close(fd);
	return count;
}

union address
tcp_loopback(int family)
{
	static const uint8_t v4[] = { 127, 0, 0, 1 };
	union address address;

	if (family == AF_INET)
		address_from_raw(&address, v4, sizeof(v4), 0);
	else
		address_from_raw(&address, in6addr_loopback.s6_addr, 16, 0);
	return address;
}

union address
tcp_bound(int fd)
{
	union address address;
	socklen_t len = sizeof(address);

	ck_assert_int_eq(getsockname(fd, &address.any, &len), 0);
	return address;
}

static int
open_plain(int family)
{
	struct timeval wait = { .tv_sec = GIVE_UP_S };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	return fd;
}

int
tcp_listen(int family, int backlog)
{
	union address address = tcp_loopback(family);
	int fd = open_plain(family);

	ck_assert_int_eq(bind(fd, &address.any, address_len(&address)), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	return fd;
}

int
tcp_connect(const union address *to)
{
	int fd = open_plain(to->any.sa_family);

	ck_assert_int_eq(connect(fd, &to->any, address_len(to)), 0);
	return fd;
}

int
tcp_accept(int listen_fd)
{
	int fd = accept(listen_fd, NULL, NULL);

	ck_assert_int_ge(fd, 0);
	return fd;
}

void
tcp_open_pair(int family, int *ours, int *theirs)
{
	int listen_fd = tcp_listen(family, 1);
	union address to = tcp_bound(listen_fd);

	*ours = socket_open(family);
	ck_assert_int_ge(*ours, 0);
	ck_assert_int_eq(
	    socket_connect(*ours, &to, deadline_after(60000), SOCKET_NO_PEER),
	    0);
	*theirs = tcp_accept(listen_fd);
	close(listen_fd);
}

static uint8_t
stream_byte(unsigned seed, uint64_t at)
{
	return (uint8_t)(((uint32_t)at ^ seed << 24) * 2654435761u >> 24);
}

void
tcp_make_stream(uint8_t *data, unsigned seed, uint64_t from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		data[i] = stream_byte(seed, from + i);
}

static size_t
make_chunk(uint8_t *chunk, unsigned seed, uint64_t from, uint64_t to)
{
	size_t len = to - from < CHUNK_LEN ? to - from : CHUNK_LEN;

	tcp_make_stream(chunk, seed, from, len);
	return len;
}

static bool
is_chunk(const uint8_t *chunk, size_t len, unsigned seed, uint64_t from)
{
	for (size_t i = 0; i < len; i++) {
		if (chunk[i] != stream_byte(seed, from + i))
			return false;
	}
	return true;
}

uint64_t
tcp_send(int fd, unsigned seed, uint64_t from, uint64_t to)
{
	uint8_t chunk[CHUNK_LEN];
	uint64_t next = from;

	while (next < to) {
		size_t len = make_chunk(chunk, seed, next, to);
		ssize_t sent = send(fd, chunk, len, MSG_NOSIGNAL);

		if (sent < 0)
			break;
		next += (uint64_t)sent;
	}
	return next - from;
}

uint64_t
tcp_fill(int fd, unsigned seed, uint64_t from, uint64_t to, int quiet_ms)
{
	uint8_t chunk[CHUNK_LEN];
	uint64_t next = from;

	while (next < to) {
		struct pollfd ready = { .fd = fd, .events = POLLOUT };
		size_t len = make_chunk(chunk, seed, next, to);
		ssize_t sent;

		if (poll(&ready, 1, quiet_ms) == 0)
			break;
		sent = send(fd, chunk, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EAGAIN)
			continue;
		ck_assert_msg(sent > 0, "send: errno %d", errno);
		next += (uint64_t)sent;
	}
	return next - from;
}

struct tcp_reading
tcp_read_all(int fd, unsigned seed)
{
	struct tcp_reading reading = { .intact = true };
	uint8_t chunk[CHUNK_LEN];
	ssize_t got;

	while ((got = recv(fd, chunk, sizeof(chunk), 0)) > 0) {
		if (!is_chunk(chunk, (size_t)got, seed, reading.count))
			reading.intact = false;
		reading.count += (uint64_t)got;
	}
	reading.error = got < 0 ? errno : 0;
	return reading;
}

void
tcp_expect_all(int fd, unsigned seed, uint64_t count, int error)
{
	struct tcp_reading reading = tcp_read_all(fd, seed);

	ck_assert_uint_eq(reading.count, count);
	ck_assert(reading.intact);
	ck_assert_int_eq(reading.error, error);
}

void
tcp_expect(int fd, unsigned seed, uint64_t from, uint64_t to)
{
	uint8_t chunk[CHUNK_LEN];

	while (from < to) {
		size_t len = to - from < CHUNK_LEN ? to - from : CHUNK_LEN;
		ssize_t got = recv(fd, chunk, len, 0);

		ck_assert_msg(got > 0, "recv: %zd, errno %d", got, errno);
		ck_assert(is_chunk(chunk, (size_t)got, seed, from));
		from += (uint64_t)got;
	}
}

void
tcp_await_acknowledged(int fd)
{
	int bytes;

	do {
		poll(NULL, 0, 1);
		ck_assert_int_eq(ioctl(fd, SIOCOUTQ, &bytes), 0);
	} while (bytes > 0);
}

void
tcp_await_closed(int fd)
{
	struct pollfd end = { .fd = fd };

	ck_assert_int_eq(poll(&end, 1, GIVE_UP_S * 1000), 1);
}

void
tcp_reset(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	ck_assert_int_eq(
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	close(fd);
}
