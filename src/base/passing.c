#include "base/passing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/descriptor.h"

#define MAGIC 0x53504d31 /* "SPM1" */

struct header {
	uint32_t magic, kind, len, fd_count;
};

union control {
	struct cmsghdr header; /* for its alignment */
	char space[CMSG_SPACE(PASSING_MAX_FDS * sizeof(int))];
};

void
passing_prepare(int fd)
{
	struct timeval wait = { .tv_sec = PASSING_WAIT_MS / 1000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
}

int
passing_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	passing_prepare(fd);
	return descriptor_or_error(fd,
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno
								      : 0);
}

ssize_t
passing_send_fds(
    int fd, const void *data, size_t len, const int *fds, size_t count)
{
	struct iovec piece = { (void *)data, len };
	union control control = { 0 };
	struct msghdr envelope = { .msg_iov = &piece, .msg_iovlen = 1 };
	ssize_t sent;

	if (count > 0) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
		envelope.msg_control = &control;
		envelope.msg_controllen = CMSG_SPACE(count * sizeof(int));
	}
	do {
		sent = sendmsg(fd, &envelope, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

/* The end of the peer has one name, whichever call finds it first. */
static int
error_of_wait(int error)
{
	if (error == EPIPE)
		return -ECONNRESET;
	return error == EAGAIN ? -ETIMEDOUT : -error;
}

int
passing_write(int fd, const void *data, size_t len)
{
	const uint8_t *next = data;

	while (len > 0) {
		ssize_t sent = send(fd, next, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return error_of_wait(errno);
		next += sent;
		len -= (size_t)sent;
	}
	return 0;
}

int
passing_send(int fd, const struct passing *message)
{
	struct header header = { MAGIC, message->kind, message->len,
		message->fd_count };
	ssize_t sent;

	if (message->fd_count > PASSING_MAX_FDS ||
	    message->len > PASSING_MAX_LEN)
		return -EMSGSIZE;
	sent = passing_send_fds(
	    fd, &header, sizeof(header), message->fds, message->fd_count);
	if (sent < 0)
		return error_of_wait((int)-sent);
	return sent == sizeof(header)
	    ? passing_write(fd, message->data, message->len)
	    : -EPROTO;
}

int
passing_say(int fd, uint32_t kind, const void *data, size_t len)
{
	const struct passing message = {
		.kind = kind, .len = (uint32_t)len, .data = (uint8_t *)data
	};

	return passing_send(fd, &message);
}

/*
 * Takes what has come, to close it if there is too little or too much of it.
 * Returns how many.
 */
static size_t
take_fds(struct msghdr *envelope, int fds[PASSING_MAX_FDS])
{
	size_t count = 0;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(envelope); part;
	     part = CMSG_NXTHDR(envelope, part)) {
		if (part->cmsg_level != SOL_SOCKET ||
		    part->cmsg_type != SCM_RIGHTS)
			continue;
		count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(part), count * sizeof(int));
	}
	return count;
}

/* MSG_CTRUNC: the kernel closes what finds no room, and returns success. */
static int
receive_header(int fd, struct header *header, struct passing *message)
{
	struct iovec piece = { header, sizeof(*header) };
	union control control;
	struct msghdr envelope = { .msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t received;

	do {
		received =
		    recvmsg(fd, &envelope, MSG_CMSG_CLOEXEC | MSG_WAITALL);
	} while (received < 0 && errno == EINTR);
	if (received < 0)
		return error_of_wait(errno);
	message->fd_count = (uint32_t)take_fds(&envelope, message->fds);
	if (received == 0)
		return -ECONNRESET;
	if (envelope.msg_flags & MSG_CTRUNC)
		return -EMFILE;
	if (received != sizeof(*header) || header->magic != MAGIC ||
	    header->len > PASSING_MAX_LEN ||
	    header->fd_count != message->fd_count)
		return -EPROTO;
	return 0;
}

static int
receive_data(int fd, uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t received = recv(fd, data, len, MSG_WAITALL);

		if (received < 0 && errno == EINTR)
			continue;
		if (received < 0)
			return error_of_wait(errno);
		if (received == 0)
			return -ECONNRESET;
		data += received;
		len -= (size_t)received;
	}
	return 0;
}

int
passing_receive(int fd, struct passing *message)
{
	struct header header = { 0 };
	int error;

	message->data = NULL;
	message->fd_count = 0;
	error = receive_header(fd, &header, message);
	if (!error && header.len > 0) {
		message->data = malloc(header.len);
		error = message->data
		    ? receive_data(fd, message->data, header.len)
		    : -ENOMEM;
	}
	if (error) {
		passing_finish(message);
		return error;
	}
	message->kind = header.kind;
	message->len = header.len;
	return 0;
}

void
passing_finish(struct passing *message)
{
	for (uint32_t i = 0; i < message->fd_count; i++) {
		if (message->fds[i] >= 0)
			close(message->fds[i]);
	}
	free(message->data);
	message->data = NULL;
	message->fd_count = 0;
}
