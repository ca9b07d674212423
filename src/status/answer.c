#include "status/answer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_S 10

static int
connect_to(const char *path)
{
	struct timeval wait = { .tv_sec = WAIT_S };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, error;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = errno == EAGAIN ? -ETIMEDOUT : -errno;
	close(fd);
	return error;
}

int
answer_read(int fd, struct json_object **answer)
{
	errno = 0;
	*answer = json_object_from_fd(fd);
	if (json_object_is_type(*answer, json_type_object))
		return 0;
	json_object_put(*answer);
	return errno == EAGAIN ? -ETIMEDOUT : -EPROTO;
}

int
answer_fetch(const char *path, const char *line, struct json_object **answer)
{
	int fd = connect_to(path), error;

	if (fd < 0)
		return fd;
	if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
		error = -errno;
	else
		error = answer_read(fd, answer);
	close(fd);
	return error;
}

struct json_object *
answer_member(struct json_object *object, const char *key)
{
	return json_object_object_get(object, key);
}

const char *
answer_text(struct json_object *object, const char *key)
{
	const char *text = json_object_get_string(answer_member(object, key));

	return text ? text : "";
}

int64_t
answer_number(struct json_object *object, const char *key)
{
	return json_object_get_int64(answer_member(object, key));
}

size_t
answer_count(struct json_object *array)
{
	return json_object_is_type(array, json_type_array)
	    ? json_object_array_length(array)
	    : 0;
}
