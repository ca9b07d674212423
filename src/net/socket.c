#include "net/socket.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/tcp.h> /* has more fields of tcp_info than netinet/tcp.h */
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/descriptor.h"

/*
 * A firewall forgets the NAT entry of a half-closed connection after 60 s
 * without a packet (nf_conntrack_tcp_timeout_close_wait).
 */
#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_INTERVAL_S 15
#define KEEPALIVE_COUNT 4

/* Values of tcpi_state; only netinet/tcp.h has names for them. */
enum {
	STATE_SYN_SENT = 2,
	STATE_SYN_RECV = 3,
	STATE_CLOSE = 7,
	STATE_CLOSE_WAIT = 8,
	STATE_LAST_ACK = 9,
	STATE_CLOSING = 11,
};

/* The kernel lowers it to net.core.somaxconn; musl's SOMAXCONN is only 128. */
#define BACKLOG 65535

/* The longest pause between two looks at the unacknowledged bytes. */
#define ACKNOWLEDGED_MAX_MS 16

static int
set_option(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		return -errno;
	return 0;
}

static int
set_linger(int fd, bool reset)
{
	struct linger linger = { .l_onoff = reset, .l_linger = 0 };

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)))
		return -errno;
	return 0;
}

static int
set_timeout(int fd, int name, int64_t wait_ms)
{
	struct timeval wait = {
		.tv_sec = (time_t)(wait_ms / 1000),
		.tv_usec = (suseconds_t)(wait_ms % 1000) * 1000,
	};

	if (setsockopt(fd, SOL_SOCKET, name, &wait, sizeof(wait)))
		return -errno;
	return 0;
}

int
socket_prepare(int fd)
{
	int error = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);

	/*
	 * Keep urgent data inline: otherwise the byte would be missing from the
	 * stream.
	 */
	if (!error)
		error = set_option(fd, SOL_SOCKET, SO_OOBINLINE, 1);
	if (!error)
		error = set_timeout(fd, SO_RCVTIMEO, SOCKET_WAIT_MS);
	if (!error)
		error = set_timeout(fd, SO_SNDTIMEO, SOCKET_WAIT_MS);
	if (!error)
		error = set_linger(fd, true);
	return error;
}

/* TCP_KEEPCNT is the number of unanswered probes: tcp(7). */
void
socket_keep_alive(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
}

int
socket_open(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : descriptor_or_error(fd, socket_prepare(fd));
}

/* Non-blocking: another process may have accepted the connection first. */
static int
listen_nonblocking(int fd)
{
	int on = 1;

	if (ioctl(fd, FIONBIO, &on))
		return -errno;
	return listen(fd, BACKLOG) ? -errno : 0;
}

static int
bind_and_listen(int fd, const union address *address)
{
	int error = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	if (!error && address->any.sa_family == AF_INET6)
		error = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY,
		    !address_is_unspecified(address));
	if (error)
		return error;
	if (bind(fd, &address->any, address_len(address)))
		return -errno;
	return listen_nonblocking(fd);
}

int
socket_listen(const union address *address)
{
	static const uint8_t any[4];
	union address all_v4;
	int fd = socket_open(address->any.sa_family);

	if (fd == -EAFNOSUPPORT && address->any.sa_family == AF_INET6 &&
	    address_is_unspecified(address)) {
		address_from_raw(
		    &all_v4, any, sizeof(any), address_port(address));
		address = &all_v4;
		fd = socket_open(AF_INET);
	}
	return fd < 0 ? fd
		      : descriptor_or_error(fd, bind_and_listen(fd, address));
}

/*
 * Reset the shutdown state that ss -K leaves: accepted sockets would inherit
 * it.
 */
int
socket_listen_again(int fd)
{
	struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	if (connect(fd, &nobody, sizeof(nobody)) || listen(fd, BACKLOG))
		return -errno;
	return 0;
}

/*
 * Returns the value of the option, or a negative errno; no value is negative.
 */
static int
get_option(int fd, int name)
{
	int value;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) ? -errno : value;
}

static int
check_listener(int fd)
{
	int family = get_option(fd, SO_DOMAIN);
	int listens = get_option(fd, SO_ACCEPTCONN);

	if (family < 0)
		return family;
	if ((family != AF_INET && family != AF_INET6) ||
	    get_option(fd, SO_PROTOCOL) != IPPROTO_TCP)
		return -EPROTOTYPE;
	return listens > 0 ? 0 : -EINVAL;
}

int
socket_adopt(int fd, union address *address)
{
	socklen_t len = sizeof(*address);
	int error = check_listener(fd);

	if (!error)
		error = socket_prepare(fd);
	if (!error && ioctl(fd, FIOCLEX))
		error = -errno;
	/* This also raises the backlog. */
	if (!error)
		error = listen_nonblocking(fd);
	if (!error && getsockname(fd, &address->any, &len))
		error = -errno;
	return error;
}

/* The negative errno with which a connection attempt ended; 0: none. */
static int
connect_result(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
		return -errno;
	return -error;
}

int
socket_await_connected(int fd, int64_t deadline, int peer_fd)
{
	struct pollfd ends[] = {
		{ .fd = fd, .events = POLLOUT },
		{ .fd = peer_fd, .events = 0 },
	};

	for (;;) {
		int ready = poll(ends, 2, deadline_poll(deadline));

		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready > 0 && ends[0].revents)
			return connect_result(fd);
		if (ready > 0)
			return -ECONNABORTED;
		if (deadline_left(deadline) == 0)
			return -ETIMEDOUT;
	}
}

/* Most connections are made within the usual wait; those need no poll(2). */
int
socket_connect(int fd, const union address *to, int64_t deadline, int peer_fd)
{
	int64_t left = deadline_left(deadline);
	int error = 0;

	if (left == 0)
		return -ETIMEDOUT;
	if (left < SOCKET_WAIT_MS)
		error = socket_set_send_timeout(fd, left);
	if (error)
		return error;
	if (connect(fd, &to->any, address_len(to)) == 0)
		return 0;
	/* After either error the attempt goes on (connect(2), socket(7)). */
	if (errno != EINPROGRESS && errno != EINTR)
		return -errno;
	return socket_await_connected(fd, deadline, peer_fd);
}

void
socket_delay_acknowledgements(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_QUICKACK, 0);
}

void
socket_acknowledge(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_QUICKACK, 1);
}

/* The kernel enters what the lowest bit says when it has sent it. */
void
socket_acknowledge_now(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_QUICKACK, 2);
}

int
socket_set_recv_timeout(int fd, int64_t wait_ms)
{
	return set_timeout(fd, SO_RCVTIMEO, wait_ms);
}

int
socket_set_send_timeout(int fd, int64_t wait_ms)
{
	return set_timeout(fd, SO_SNDTIMEO, wait_ms);
}

int
socket_send_all(int fd, const void *data, size_t len)
{
	const uint8_t *next = data;

	while (len > 0) {
		ssize_t sent = send(fd, next, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		next += sent;
		len -= (size_t)sent;
	}
	return 0;
}

size_t
socket_send_room(int fd)
{
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(memory);
	uint32_t queued, size;

	getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &len);
	queued = memory[SK_MEMINFO_WMEM_QUEUED];
	size = memory[SK_MEMINFO_SNDBUF];
	return queued < size ? size - queued : 0;
}

bool
socket_is_readable(int fd)
{
	int bytes = 0;

	return ioctl(fd, SIOCINQ, &bytes) == 0 && bytes > 0;
}

static struct tcp_info
read_info(int fd)
{
	struct tcp_info info = { .tcpi_state = STATE_CLOSE };
	socklen_t len = sizeof(info);

	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	return info;
}

/* SIOCOUTQ is 0 until the handshake is over, whatever has been sent. */
int
socket_unacknowledged(int fd)
{
	int bytes = 0;

	if (ioctl(fd, SIOCOUTQ, &bytes))
		return -errno;
	return bytes == 0 && read_info(fd).tcpi_state == STATE_SYN_RECV ? 1
									: bytes;
}

int
socket_unsent(int fd)
{
	int bytes = 0;

	return ioctl(fd, SIOCOUTQNSD, &bytes) ? -errno : bytes;
}

/* Setting it once more sends what is held back: tcp(7). */
void
socket_push(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

/* There is no event for acknowledgements, so it polls. */
void
socket_await_acknowledged(int fd, int64_t deadline, const atomic_bool *stop)
{
	struct pollfd end = { .fd = fd };
	int wait_ms = 1;

	while (socket_unacknowledged(fd) > 0 && deadline_left(deadline) > 0 &&
	    !(stop && atomic_load(stop)) && poll(&end, 1, wait_ms) <= 0)
		wait_ms = wait_ms < ACKNOWLEDGED_MAX_MS ? 2 * wait_ms : wait_ms;
}

uint64_t
socket_acknowledged(int fd)
{
	return read_info(fd).tcpi_bytes_acked;
}

/*
 * tcpi_bytes_received counts a FIN as a byte, like all bytes received in order.
 * A data byte that came after recv(2) returned 0 would count as well. That byte
 * leaves the TCP state unchanged, or, when the connection is gone, it can still
 * be read.
 */
enum socket_end
socket_find_end(int fd, uint64_t received)
{
	struct tcp_info info = read_info(fd);

	if (info.tcpi_bytes_received != received + 1)
		return SOCKET_END_NONE;
	switch (info.tcpi_state) {
	case STATE_CLOSE_WAIT:
	case STATE_LAST_ACK:
	case STATE_CLOSING:
		return SOCKET_END_FIN;
	case STATE_CLOSE:
		return socket_is_readable(fd) ? SOCKET_END_NONE
					      : SOCKET_END_OVER;
	default:
		return SOCKET_END_NONE;
	}
}

bool
socket_is_connecting(int fd)
{
	return read_info(fd).tcpi_state == STATE_SYN_SENT;
}

bool
socket_is_closed(int fd)
{
	return read_info(fd).tcpi_state == STATE_CLOSE;
}

void
socket_set_graceful(int fd, bool graceful)
{
	set_linger(fd, !graceful);
}

void
socket_close_gracefully(int fd)
{
	socket_set_graceful(fd, true);
	close(fd);
}
