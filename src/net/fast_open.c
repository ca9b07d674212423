#include "net/fast_open.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h> /* knows more of tcp_info than netinet/tcp.h */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/deadline.h"
#include "base/log.h"
#include "base/must.h"
#include "net/socket.h"

/* The kernel makes net.core.somaxconn of it, as of a backlog. */
#define QUEUE_LEN 65535

/* Of tcpi_state; their names are in netinet/tcp.h only. */
#define STATE_SYN_SENT 2

#define BAD_MAX 2
#define OFF_MS (60 * 60 * 1000)

/* A server's name has a few addresses; the oldest entry gives way. */
#define PATHS_MAX 32

/* Of the round trip that it may save. */
#define PATIENCE_PART 8
#define PATIENCE_MAX_MS 10

/* With more segments than this what was sent again need not be the first. */
#define FEW_SEGMENTS 8

struct path {
	union address server;
	unsigned bad;      /* connections in a row that lost time */
	int64_t off_until; /* of deadline_now(); 0: it is on */
	uint32_t round_trip_us;
	bool takes_data; /* the last one did */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct path paths[PATHS_MAX];
static size_t path_count;

/*
 * Set once there is something in the table that matters: until then nobody
 * takes the lock, for nothing is off and no round trip is worth a wait.
 */
static atomic_bool has_news;

static bool
is_worth_a_wait(uint32_t round_trip_us)
{
	return round_trip_us >= PATIENCE_PART * 1000;
}

/* Set once a server did not take data: only then ends are looked at. */
static atomic_bool has_declined;

/* With the lock. An entry of zeros if there was none. */
static struct path *
find_path(const union address *server)
{
	struct path *path;

	for (size_t i = 0; i < path_count && i < PATHS_MAX; i++) {
		if (address_equal(&paths[i].server, server))
			return &paths[i];
	}
	path = &paths[path_count++ % PATHS_MAX];
	memset(path, 0, sizeof(*path));
	path->server = *server;
	return path;
}

static bool
is_off(struct path *path)
{
	if (path->off_until && deadline_now() >= path->off_until)
		path->off_until = 0;
	return path->off_until != 0;
}

void
fast_open_listen(int fd, bool is_on)
{
	int len = is_on ? QUEUE_LEN : 0;

	setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &len, sizeof(len));
}

bool
fast_open_begin(int fd, const union address *server)
{
	int on = 1;
	bool is_allowed = true;

	if (server && atomic_load(&has_news)) {
		must(pthread_mutex_lock(&lock));
		is_allowed = !is_off(find_path(server));
		must(pthread_mutex_unlock(&lock));
	}
	/* EOPNOTSUPP where the host's sysctl forbids it. */
	return is_allowed &&
	    setsockopt(
		fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)) == 0;
}

int
fast_open_patience(const union address *server)
{
	const struct path *path;
	uint32_t patience_ms = 0;

	if (!atomic_load(&has_news))
		return 0;
	must(pthread_mutex_lock(&lock));
	path = find_path(server);
	if (path->takes_data)
		patience_ms = path->round_trip_us / PATIENCE_PART / 1000;
	must(pthread_mutex_unlock(&lock));
	return patience_ms < PATIENCE_MAX_MS ? (int)patience_ms
					     : PATIENCE_MAX_MS;
}

/* An older kernel fills in less of it. */
static struct tcp_info
read_info(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	return info;
}

bool
fast_open_is_deferred(int fd)
{
	return read_info(fd).tcpi_state == STATE_SYN_SENT;
}

/*
 * tcpi_fastopen_client_fail says why the data was not taken. A server that was
 * restarted without Fast Open, SYN cookies and a full queue make the kernel
 * send it again with the ACK of the handshake, which costs nothing. A proxy of
 * the handshake (SYNPROXY) drops that one, too, as it has no server yet.
 */
static enum fast_open_result
result_of(const struct tcp_info *info)
{
	if (info->tcpi_options & TCPI_OPT_SYN_DATA)
		return FAST_OPEN_TAKEN;
	switch (info->tcpi_fastopen_client_fail) {
	case TFO_COOKIE_UNAVAILABLE:
		return info->tcpi_total_retrans > 0 ? FAST_OPEN_DROPPED
						    : FAST_OPEN_NO_COOKIE;
	case TFO_DATA_NOT_ACKED:
		return info->tcpi_total_retrans > 1 ? FAST_OPEN_HELD_UP
						    : FAST_OPEN_DECLINED;
	case TFO_SYN_RETRANSMITTED:
		return FAST_OPEN_DROPPED;
	default:
		return FAST_OPEN_UNKNOWN;
	}
}

enum fast_open_result
fast_open_result(int fd)
{
	struct tcp_info info = read_info(fd);

	return result_of(&info);
}

static void
warn_off(const union address *server, enum fast_open_result result)
{
	char text[ADDRESS_STRLEN];

	log_warning("fast-open-off server=%s reason=\"twice in a row %s; it is "
		    "off for this server for an hour; let firewalls on the way "
		    "pass SYNs with data, or set outbound.fast_open: false\"",
	    address_format(server, text),
	    result == FAST_OPEN_DROPPED
		? "a SYN with TCP Fast Open was lost and had to be sent again"
		: "the data of a SYN was held up, as by a SYNPROXY in front of "
		  "the server");
}

static void
note_bad(const union address *server, enum fast_open_result result)
{
	bool is_new = false;
	struct path *path;

	atomic_store(&has_news, true);
	must(pthread_mutex_lock(&lock));
	path = find_path(server);
	path->takes_data = false;
	if (!is_off(path) && ++path->bad >= BAD_MAX) {
		path->bad = 0;
		path->off_until = deadline_after(OFF_MS);
		is_new = true;
	}
	must(pthread_mutex_unlock(&lock));
	if (is_new)
		warn_off(server, result);
}

void
fast_open_failed(const union address *server)
{
	note_bad(server, FAST_OPEN_DROPPED);
}

static void
note_good(const union address *server, const struct tcp_info *info,
    enum fast_open_result result)
{
	bool is_news =
	    result == FAST_OPEN_TAKEN && is_worth_a_wait(info->tcpi_rtt);
	struct path *path;

	if (is_news)
		atomic_store(&has_news, true);
	else if (!atomic_load(&has_news))
		return;
	must(pthread_mutex_lock(&lock));
	path = find_path(server);
	path->bad = 0;
	path->takes_data = result == FAST_OPEN_TAKEN;
	path->round_trip_us = info->tcpi_rtt;
	must(pthread_mutex_unlock(&lock));
}

static void
note(const union address *server, const struct tcp_info *info)
{
	enum fast_open_result result = result_of(info);

	switch (result) {
	case FAST_OPEN_DROPPED:
	case FAST_OPEN_HELD_UP:
		note_bad(server, result);
		break;
	case FAST_OPEN_DECLINED:
		/* It may be held up as well: the end will show. */
		atomic_store(&has_declined, true);
		break;
	case FAST_OPEN_TAKEN:
	case FAST_OPEN_NO_COOKIE:
		note_good(server, info, result);
		break;
	case FAST_OPEN_UNKNOWN:
		break;
	}
}

/*
 * How many bytes the kernel had taken when a signal ended the call, which
 * returned EINTR although the SYN with the data was on its way: sent again
 * they would arrive twice. Acknowledgements may come meanwhile.
 */
static size_t
count_taken(int fd)
{
	int before = 0, waiting = 0;
	struct tcp_info info;

	do {
		ioctl(fd, SIOCOUTQ, &before);
		info = read_info(fd);
		ioctl(fd, SIOCOUTQ, &waiting);
	} while (waiting != before);
	/* The SYN is acknowledged like a byte. */
	return (size_t)waiting + info.tcpi_bytes_acked - 1;
}

/* It is connected, and the kernel has taken the first bytes. */
static int
finish(int fd, const union address *server, const struct tcp_info *info,
    const uint8_t *data, size_t len, size_t taken)
{
	if (server)
		note(server, info);
	return taken < len ? socket_send_all(fd, data + taken, len - taken) : 0;
}

int
fast_open_await(int fd, const union address *server, const void *data,
    size_t len, int64_t deadline, int peer_fd)
{
	int error = socket_await_connected(fd, deadline, peer_fd);
	struct tcp_info info;

	if (error)
		return error;
	info = read_info(fd);
	return finish(fd, server, &info, data, len, count_taken(fd));
}

int
fast_open_send(int fd, const union address *server, const void *data,
    size_t len, int64_t deadline, int peer_fd)
{
	int64_t left = deadline_left(deadline);
	struct tcp_info info;
	ssize_t sent;

	/* Where connect(2) has connected fd, only this host is late. */
	if (left == 0 && fast_open_is_deferred(fd))
		return -ETIMEDOUT;
	if (left < SOCKET_WAIT_MS)
		socket_set_send_timeout(fd, left > 0 ? left : 1);
	sent = send(fd, data, len, MSG_NOSIGNAL);
	if (sent < 0 && errno != EINTR && errno != EINPROGRESS)
		return -errno;
	info = read_info(fd);
	/* When the time is over send(2) says that the SYN's data is sent. */
	if (info.tcpi_state == STATE_SYN_SENT)
		return fast_open_await(
		    fd, server, data, len, deadline, peer_fd);
	return finish(fd, server, &info, data, len,
	    sent < 0 ? count_taken(fd) : (size_t)sent);
}

void
fast_open_end(int fd, const union address *server)
{
	struct tcp_info info;

	if (!atomic_load_explicit(&has_declined, memory_order_relaxed))
		return;
	info = read_info(fd);
	if (info.tcpi_fastopen_client_fail != TFO_DATA_NOT_ACKED)
		return;
	if (result_of(&info) == FAST_OPEN_DECLINED)
		note_good(server, &info, FAST_OPEN_DECLINED);
	else if (info.tcpi_data_segs_out <= FEW_SEGMENTS)
		note_bad(server, FAST_OPEN_HELD_UP);
}
