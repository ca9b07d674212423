#include "relay/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket.h"

/* After this many full fills in a row the direction is bulk. */
#define BULK_FILLS 8

/*
 * After this many fills below the buffer's length in a row it is not bulk any
 * more.
 */
#define QUIET_FILLS 32

/*
 * The least size of a useful pipe. A pipe is smaller if its user has too many
 * pages in pipes (pipe(7), pipe-user-pages-soft): it then has two pages, and is
 * worse than no pipe. A larger pipe halves the calls and the thread switches
 * again; a much larger one would leave too few of those pages for other
 * connections.
 */
#define PIPE_MIN_LEN (64 * 1024)
#define PIPE_LEN (256 * 1024)

/*
 * The most to send at once to a socket that has no room for all. The sender is
 * not read meanwhile, and must not look idle to its peer for long.
 */
#define PIECE_LEN PUMP_PIECE_LEN

static atomic_size_t pipe_limit = SIZE_MAX;
static atomic_size_t pipe_count;

void
pump_limit_pipes(size_t limit)
{
	atomic_store(&pipe_limit, limit);
}

void
pump_init(struct pump *pump, uint8_t *buffer)
{
	*pump = (struct pump){ .buffer = buffer, .pipe = { -1, -1 } };
}

static void
close_pipe(struct pump *pump)
{
	close(pump->pipe[0]);
	close(pump->pipe[1]);
	pump->pipe[0] = pump->pipe[1] = -1;
	atomic_fetch_sub(&pipe_count, 1);
}

/* Returns to the small buffer; no bytes wait. */
static void
end_bulk(struct pump *pump)
{
	if (pump->pipe[0] >= 0)
		close_pipe(pump);
	free(pump->large);
	pump->large = NULL;
	pump->full = pump->small = 0;
}

void
pump_finish(struct pump *pump)
{
	end_bulk(pump);
}

void
pump_rest_init(struct pump_rest *rest)
{
	*rest = (struct pump_rest){ .pipe = { -1, -1 } };
}

void
pump_rest_finish(struct pump_rest *rest)
{
	if (rest->pipe[0] >= 0) {
		close(rest->pipe[0]);
		close(rest->pipe[1]);
	}
	free(rest->bytes);
	pump_rest_init(rest);
}

/* Bytes that fill more than a small buffer go on in a large one. */
bool
pump_rest_set_bytes(struct pump_rest *rest, const uint8_t *bytes, size_t len)
{
	rest->bytes = malloc(len > PUMP_BUFFER_LEN ? PIECE_LEN : len);
	if (!rest->bytes)
		return false;
	memcpy(rest->bytes, bytes, len);
	rest->len = len;
	return true;
}

bool
pump_suspend(struct pump *pump, struct pump_rest *rest)
{
	pump_rest_init(rest);
	if (pump->pipe[0] >= 0 && pump->piped > 0) {
		memcpy(rest->pipe, pump->pipe, sizeof(rest->pipe));
		rest->piped = pump->piped;
		pump->pipe[0] = pump->pipe[1] = -1;
		atomic_fetch_sub(&pipe_count, 1);
	} else if (pump->pipe[0] < 0 && pump->len > 0 &&
	    !pump_rest_set_bytes(rest, pump->next, pump->len)) {
		return false;
	}
	end_bulk(pump);
	return true;
}

void
pump_resume(struct pump *pump, uint8_t *buffer, struct pump_rest *rest)
{
	pump_init(pump, buffer);
	pump->len = rest->len;
	if (rest->pipe[0] >= 0) {
		memcpy(pump->pipe, rest->pipe, sizeof(pump->pipe));
		pump->piped = rest->piped;
		atomic_fetch_add(&pipe_count, 1);
	} else if (rest->len > PUMP_BUFFER_LEN) {
		pump->next = pump->large = rest->bytes;
	} else if (rest->len > 0) {
		pump->next = memcpy(buffer, rest->bytes, rest->len);
		free(rest->bytes);
	}
	pump_rest_init(rest);
}

static bool
open_pipe(struct pump *pump)
{
	if (atomic_fetch_add(&pipe_count, 1) >= atomic_load(&pipe_limit) ||
	    pipe2(pump->pipe, O_CLOEXEC)) {
		pump->pipe[0] = pump->pipe[1] = -1;
		atomic_fetch_sub(&pipe_count, 1);
		return false;
	}
	if (fcntl(pump->pipe[1], F_SETPIPE_SZ, PIPE_LEN) < 0 &&
	    fcntl(pump->pipe[1], F_GETPIPE_SZ) < PIPE_MIN_LEN) {
		close_pipe(pump);
		return false;
	}
	pump->piped = 0;
	return true;
}

/* Without memory for a large buffer, stay with the small one. */
static void
begin_bulk(struct pump *pump)
{
	pump->full = 0;
	if (!open_pipe(pump))
		pump->large = malloc(PIECE_LEN);
}

size_t
pump_waiting(const struct pump *pump)
{
	return pump->pipe[0] >= 0 ? pump->piped : pump->len;
}

/* No SPLICE_F_MORE: it holds back the last bytes for 200 ms. */
static ssize_t
fill_pipe(struct pump *pump, int fd, unsigned flags)
{
	ssize_t len = splice(
	    fd, NULL, pump->pipe[1], NULL, PIPE_LEN, SPLICE_F_MOVE | flags);

	if (len < 0)
		return -errno;
	pump->piped += (size_t)len;
	return len;
}

static ssize_t
fill_buffer(struct pump *pump, int fd)
{
	uint8_t *buffer = pump->large ? pump->large : pump->buffer;
	size_t size = pump->large ? PIECE_LEN : PUMP_BUFFER_LEN;
	ssize_t len = recv(fd, buffer, size, 0);

	if (len < 0)
		return -errno;
	pump->next = buffer;
	pump->len = (size_t)len;
	return len;
}

static void
count_fill(struct pump *pump, ssize_t len)
{
	pump->full = len >= PUMP_BUFFER_LEN ? pump->full + 1 : 0;
	pump->small = len < PUMP_BUFFER_LEN ? pump->small + 1 : 0;
}

ssize_t
pump_fill(struct pump *pump, int fd)
{
	bool is_bulk = pump->pipe[0] >= 0 || pump->large;
	ssize_t len;

	if (is_bulk && pump->small >= QUIET_FILLS)
		end_bulk(pump);
	else if (!is_bulk && pump->full >= BULK_FILLS)
		begin_bulk(pump);
	len =
	    pump->pipe[0] >= 0 ? fill_pipe(pump, fd, 0) : fill_buffer(pump, fd);
	/* At urgent data splice(2) returns 0 as well; recv(2) then goes on. */
	if (len == 0 && pump->pipe[0] >= 0) {
		end_bulk(pump);
		len = fill_buffer(pump, fd);
	}
	if (len == -EAGAIN)
		end_bulk(pump);
	else if (len > 0)
		count_fill(pump, len);
	return len;
}

uint8_t
pump_take_byte(struct pump *pump)
{
	pump->len--;
	return *pump->next++;
}

void
pump_drop(struct pump *pump)
{
	pump->len = 0;
}

size_t
pump_top_up(struct pump *pump, int fd)
{
	ssize_t len;

	/* SPLICE_F_NONBLOCK affects the pipe only. */
	if (pump->pipe[0] < 0 || !socket_is_readable(fd))
		return 0;
	len = fill_pipe(pump, fd, SPLICE_F_NONBLOCK);
	return len > 0 ? (size_t)len : 0;
}

static ssize_t
flush_buffer(struct pump *pump, int fd)
{
	ssize_t len = send(fd, pump->next, pump->len, MSG_NOSIGNAL);

	if (len < 0)
		return -errno;
	pump->next += len;
	pump->len -= (size_t)len;
	return len;
}

static ssize_t
flush_pipe(struct pump *pump, int fd)
{
	size_t piece = pump->piped;
	ssize_t len;

	if (piece > PIECE_LEN && socket_send_room(fd) < piece)
		piece = PIECE_LEN;
	len = splice(pump->pipe[0], NULL, fd, NULL, piece, SPLICE_F_MOVE);
	if (len < 0)
		return -errno;
	pump->piped -= (size_t)len;
	return len;
}

ssize_t
pump_flush(struct pump *pump, int fd)
{
	return pump->pipe[0] >= 0 ? flush_pipe(pump, fd)
				  : flush_buffer(pump, fd);
}
