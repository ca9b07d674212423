#include "status/answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_S 10
#define CHUNK_LEN 65536

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

static int
read_all(int fd, char **text, size_t *len)
{
	size_t room = 0;
	ssize_t received;

	do {
		if (room - *len < CHUNK_LEN) {
			char *more;

			room = 2 * room + CHUNK_LEN;
			more = realloc(*text, room + 1);

			if (!more)
				return -ENOMEM;
			*text = more;
		}
		received = recv(fd, *text + *len, room - *len, 0);
		if (received > 0)
			*len += (size_t)received;
	} while (received > 0 || (received < 0 && errno == EINTR));
	(*text)[*len] = '\0';
	if (received < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return 0;
}

int
answer_fetch(const char *path, const char *line, char **text, size_t *len)
{
	int fd = connect_to(path), error = 0;

	if (fd < 0)
		return fd;
	*text = NULL;
	*len = 0;
	if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
		error = -errno;
	if (!error)
		error = read_all(fd, text, len);
	close(fd);
	if (error)
		free(*text);
	return error;
}

struct json_object *
answer_parse(const char *text, size_t len)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;

	if (!tokener)
		return NULL;
	object = json_tokener_parse_ex(tokener, text, (int)len);
	json_tokener_free(tokener);
	if (object && !json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		return NULL;
	}
	return object;
}

struct json_object *
answer_member(struct json_object *object, const char *key)
{
	struct json_object *member = NULL;

	json_object_object_get_ex(object, key, &member);
	return member;
}

const char *
answer_text(struct json_object *object, const char *key)
{
	struct json_object *member = answer_member(object, key);

	return member ? json_object_get_string(member) : "";
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

struct json_object *
answer_item(struct json_object *array, size_t index)
{
	return index < answer_count(array)
	    ? json_object_array_get_idx(array, index)
	    : NULL;
}
