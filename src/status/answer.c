#include "status/answer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/passing.h"

/* The half may have another client, and give that five seconds. */
#define WAIT_S 10

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
	const struct timeval wait = { .tv_sec = WAIT_S };
	int fd = passing_connect(path), error;

	if (fd < 0)
		return fd == -EAGAIN ? -ETIMEDOUT : fd;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
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
