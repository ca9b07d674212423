#include "process/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "process/limits.h"
#include "process/notify.h"

/*
 * Storing takes the manager a time that grows with the square: 7 s for 5,000.
 * And it fails to start a process with more of them than the soft limit.
 */
#define STORED_MAX 8000
#define OTHERS 100

/* Descriptors that are no sockets; the lowest bit is the end of a pipe. */
#define PIPE_BIT (UINT64_C(1) << 63)

#define MAGIC 0x53504653 /* "SPFS" */

struct version {
	uint32_t magic, major, minor;
};

struct header {
	uint32_t kind, len, fd_count;
};

struct stored {
	uint64_t id;
	int fd; /* -1: taken */
};

static int file_fd = -1;
static size_t put_count;

/* Of the process before. */
static int read_fd = -1;
static struct stored *stored;
static size_t stored_count;

void
store_open(void)
{
	if (notify_is_open())
		file_fd = memfd_create("srcproxy", MFD_CLOEXEC);
}

static uint64_t
id_of(int fd)
{
	struct stat status;
	uint64_t id = 0;
	socklen_t len = sizeof(id);

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &id, &len) == 0)
		return id;
	if (fstat(fd, &status) || !S_ISFIFO(status.st_mode))
		return 0;
	return PIPE_BIT | (uint64_t)status.st_ino << 1 |
	    ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY);
}

int
store_begin(uint32_t major, uint32_t minor)
{
	struct version version = { MAGIC, major, minor };

	if (file_fd < 0)
		return -ENOSYS;
	if (ftruncate(file_fd, 0) || lseek(file_fd, 0, SEEK_SET) < 0)
		return -errno;
	return write(file_fd, &version, sizeof(version)) == sizeof(version)
	    ? 0
	    : -EIO;
}

int
store_put(const struct passing *message)
{
	struct header header = { message->kind, message->len,
		message->fd_count };
	uint64_t ids[PASSING_MAX_FDS];
	struct iovec pieces[] = { { &header, sizeof(header) },
		{ ids, message->fd_count * sizeof(*ids) },
		{ message->data, message->len } };
	size_t len = pieces[0].iov_len + pieces[1].iov_len + pieces[2].iov_len;

	put_count += message->fd_count;
	if (put_count > STORED_MAX ||
	    put_count + OTHERS > limits_descriptors_at_exec())
		return -EMFILE;
	for (uint32_t i = 0; i < message->fd_count; i++)
		ids[i] = id_of(message->fds[i]);
	if (writev(file_fd, pieces, 3) != (ssize_t)len)
		return -EIO;
	return message->fd_count > 0
	    ? notify_store(message->fds, message->fd_count)
	    : 0;
}

int
store_finish(void)
{
	int error = notify_store(&file_fd, 1);

	return !error && !notify_await() ? -ETIMEDOUT : error;
}

void
store_discard(void)
{
	notify_forget_stored();
	put_count = 0;
}

static int
compare(const void *a, const void *b)
{
	const struct stored *one = a, *other = b;

	return one->id < other->id ? -1 : one->id > other->id;
}

/* The file is the one that has no number. */
static void
sort_stored(struct socket_activation *given)
{
	const int *fds = given->fds + given->count;

	for (int i = 0; i < given->stored_count; i++) {
		uint64_t id = id_of(fds[i]);

		fcntl(fds[i], F_SETFD, FD_CLOEXEC);
		if (id == 0 && read_fd < 0)
			read_fd = fds[i];
		else
			stored[stored_count++] = (struct stored){ id, fds[i] };
	}
	qsort(stored, stored_count, sizeof(*stored), compare);
	given->stored_count = 0;
}

static int
get(void *data, size_t len)
{
	ssize_t got = len > 0 ? read(read_fd, data, len) : 0;

	if (got == 0 && len > 0)
		return -ECONNRESET;
	return got == (ssize_t)len ? 0 : -EPROTO;
}

int
store_read(struct socket_activation *given, uint32_t major, uint32_t minor)
{
	struct version version;

	stored = malloc((size_t)given->stored_count * sizeof(*stored));
	if (!stored)
		return -ENOMEM;
	sort_stored(given);
	if (read_fd < 0 || lseek(read_fd, 0, SEEK_SET) < 0 ||
	    get(&version, sizeof(version)) || version.magic != MAGIC ||
	    version.major != major || version.minor > minor)
		return -EPROTO;
	return 0;
}

/* Returns a descriptor, or -1 if it is not there. */
static int
take(uint64_t id)
{
	struct stored key = { .id = id };
	struct stored *found =
	    bsearch(&key, stored, stored_count, sizeof(*stored), compare);
	int fd = found ? found->fd : -1;

	if (found)
		found->fd = -1;
	return fd;
}

int
store_next(struct passing *message)
{
	uint64_t ids[PASSING_MAX_FDS] = { 0 };
	struct header header;
	int error = get(&header, sizeof(header));

	*message = (struct passing){ 0 };
	if (error)
		return error;
	if (header.fd_count > PASSING_MAX_FDS || header.len > PASSING_MAX_LEN)
		return -EPROTO;
	message->data = malloc(header.len);
	if (!message->data && header.len > 0)
		return -ENOMEM;
	if (get(ids, header.fd_count * sizeof(*ids)) ||
	    get(message->data, header.len)) {
		passing_finish(message);
		return -EPROTO;
	}
	message->kind = header.kind;
	message->len = header.len;
	for (uint32_t i = 0; i < header.fd_count; i++)
		message->fds[message->fd_count++] = take(ids[i]);
	return 0;
}

/* Until the manager has closed its own, our close(2) ends no connection. */
void
store_close(void)
{
	for (size_t i = 0; i < stored_count; i++) {
		if (stored[i].fd >= 0)
			close(stored[i].fd);
	}
	free(stored);
	stored = NULL;
	stored_count = 0;
	if (read_fd >= 0)
		close(read_fd);
	read_fd = -1;
	notify_forget_stored();
	notify_await();
}
