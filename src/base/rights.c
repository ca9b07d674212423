#include "base/rights.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union control {
	struct cmsghdr header; /* for its alignment */
	char space[CMSG_SPACE(RIGHTS_MAX * sizeof(int))];
};

ssize_t
rights_send(int fd, const void *data, size_t len, const int *fds, size_t count)
{
	struct iovec piece = { (void *)data, len };
	size_t fds_len = count * sizeof(int);
	union control control = { 0 };
	struct msghdr envelope = { .msg_iov = &piece, .msg_iovlen = 1 };
	ssize_t sent;

	if (fds_len > 0) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(fds_len);
		memcpy(CMSG_DATA(&control.header), fds, fds_len);
		envelope.msg_control = &control;
		envelope.msg_controllen = CMSG_SPACE(fds_len);
	}
	do {
		sent = sendmsg(fd, &envelope, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}
