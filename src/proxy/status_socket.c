#include "proxy/status_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/descriptor.h"
#include "base/log.h"
#include "base/must.h"
#include "base/passing.h"
#include "base/thread.h"

/* The time that a client has to ask, and to read all of the answer. */
#define REQUEST_MS 1000
#define ANSWER_MS 5000

#define REQUEST_MAX_LEN 128
#define BUFFER_LEN 16384
#define BACKLOG 8

/* Without a pause a lack of descriptors would make it spin. */
#define PAUSE_MS 200

/* root:group with 0660, or the owner's. */
#define SOCKET_UMASK 0117
#define DIRECTORY_MODE 0750

struct client {
	int fd;
	int64_t deadline;
};

/* Returns 0, -EADDRINUSE if a process answers, or -EEXIST if it is no socket. */
static int
remove_stale(const char *path)
{
	struct stat status;
	int fd;

	if (lstat(path, &status))
		return -errno;
	if (!S_ISSOCK(status.st_mode))
		return -EEXIST;
	fd = passing_connect(path);
	if (fd >= 0)
		close(fd);
	if (fd != -ECONNREFUSED)
		return fd >= 0 || fd == -EAGAIN ? -EADDRINUSE : fd;
	return unlink(path) ? -errno : 0;
}

static int
bind_to(int fd, const struct sockaddr_un *address)
{
	const struct sockaddr *to = (const struct sockaddr *)address;
	mode_t mask = umask(SOCKET_UMASK);
	int error = bind(fd, to, sizeof(*address)) ? -errno : 0;

	if (error == -EADDRINUSE) {
		error = remove_stale(address->sun_path);
		if (!error && bind(fd, to, sizeof(*address)))
			error = -errno;
	}
	umask(mask);
	return error;
}

/* Returns a descriptor. */
static int
listen_at(const char *path, struct stat *made)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, error;

	/* The configuration takes no path that is too long. */
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	error = bind_to(fd, &address);
	if (!error && (listen(fd, BACKLOG) || lstat(path, made)))
		error = -errno;
	return descriptor_or_error(fd, error);
}

/*
 * An init system may have made it already. Only root can write to /run, so the
 * path cannot be another user's link.
 */
static void
make_directory(const char *path, const struct privilege *owner)
{
	char directory[CONFIG_STATUS_PATH_LEN];

	strcpy(directory, path);
	*strrchr(directory, '/') = '\0';
	mkdir(directory, DIRECTORY_MODE);
	if (owner && lchown(directory, owner->uid, owner->gid))
		return;
}

/* As that user, who could have put links into the directory: setfsuid(2). */
static int
listen_as(const char *path, const struct privilege *owner, struct stat *made)
{
	int fd;

	if (!owner)
		return listen_at(path, made);
	setfsgid(owner->gid);
	setfsuid(owner->uid);
	fd = listen_at(path, made);
	setfsuid(geteuid());
	setfsgid(getegid());
	return fd;
}

static const char *
explain(int error)
{
	switch (error) {
	case -EADDRINUSE:
		return "another srcproxy answers there; name another path with "
		       "status";
	case -EEXIST:
		return "it is no socket; remove it, or name another path with "
		       "status";
	case -ENOENT:
	case -EACCES:
	case -EPERM:
		return "its directory must be there and belong to the user of "
		       "the service (RuntimeDirectory=srcproxy)";
	default:
		return strerror(-error);
	}
}

void
status_socket_open(struct status_socket *status_socket,
    const struct config *config, const struct privilege *owner,
    int inherited_fd)
{
	const char *path = config->status_path;
	int fd;

	memset(status_socket, 0, sizeof(*status_socket));
	must(pthread_mutex_init(&status_socket->lock, NULL));
	must(pthread_cond_init(&status_socket->ended, NULL));
	status_socket->client_fd = status_socket->listen_fd = -1;
	if (!*path)
		return;
	if (inherited_fd >= 0 && lstat(path, &status_socket->made) == 0) {
		status_socket->listen_fd = inherited_fd;
		status_socket->is_lent = true;
		return;
	}
	if (!config->is_status_path_set && geteuid() == 0)
		make_directory(path, owner);
	fd = listen_as(path, owner, &status_socket->made);
	if (fd >= 0)
		status_socket->listen_fd = fd;
	else if (config->is_status_path_set || geteuid() == 0)
		log_warning("cannot answer srcproxy status at %s: %s", path,
		    explain(fd));
	else
		log_info("status path=%s reason=\"%s\"", path, explain(fd));
}

/*
 * The write() of fopencookie(3), which must return 0 on an error. After one
 * nothing more is sent, so an answer with a hole cannot look whole.
 */
static ssize_t
send_piece(void *owner, const char *text, size_t len)
{
	struct client *client = owner;
	size_t done = 0;

	while (done < len && deadline_left(client->deadline) > 0) {
		ssize_t sent =
		    send(client->fd, text + done, len - done, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR && errno != EAGAIN)
			client->deadline = 0;
		done += sent > 0 ? (size_t)sent : 0;
	}
	return done == len ? (ssize_t)len : 0;
}

/* A line, without its end. Returns false if none came in time. */
static bool
receive_line(int fd, char line[REQUEST_MAX_LEN])
{
	int64_t deadline = deadline_after(REQUEST_MS);
	size_t len = 0;

	while (len < REQUEST_MAX_LEN - 1 && deadline_left(deadline) > 0) {
		ssize_t received =
		    recv(fd, line + len, REQUEST_MAX_LEN - 1 - len, 0);
		char *end;

		if (received == 0 || (received < 0 && errno != EINTR))
			return false;
		len += received > 0 ? (size_t)received : 0;
		line[len] = '\0';
		end = strchr(line, '\n');
		if (!end)
			continue;
		*end = '\0';
		return true;
	}
	return false;
}

static void
answer(FILE *out, const struct status_source *source, const char *request)
{
	static const char list[] = "connections";
	size_t len = strlen(list);

	if (!strcmp(request, "status"))
		status_report_write(source, false, NULL, out);
	else if (!strcmp(request, list))
		status_report_write(source, true, NULL, out);
	else if (!strncmp(request, list, len) && request[len] == ' ')
		status_report_write(source, true, request + len + 1, out);
	else
		fputs("{\"error\":\"unknown request\"}\n", out);
}

static void
serve(int fd, const struct status_source *source, struct handover *handover)
{
	static const char replace[] = "replace ";
	const cookie_io_functions_t functions = { .write = send_piece };
	struct timeval wait = { .tv_sec = REQUEST_MS / 1000 };
	struct client client = { .fd = fd };
	char request[REQUEST_MAX_LEN];
	FILE *out;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (!receive_line(fd, request))
		return;
	if (!strncmp(request, replace, strlen(replace))) {
		handover_offer(handover, fd, request + strlen(replace));
		return;
	}
	client.deadline = deadline_after(ANSWER_MS);
	out = fopencookie(&client, "w", functions);
	if (!out)
		return;
	setvbuf(out, NULL, _IOFBF, BUFFER_LEN);
	answer(out, source, request);
	fclose(out);
}

/* Another process has the socket now. */
static bool
is_given(const struct status_socket *status_socket)
{
	return status_socket->handover &&
	    handover_is_in(status_socket->handover, HANDOVER_GIVEN);
}

/* fd -1: nobody. Returns false if the thread must stop. */
static bool
set_client(struct status_socket *status_socket, int fd)
{
	bool is_stopping = is_given(status_socket);

	must(pthread_mutex_lock(&status_socket->lock));
	status_socket->client_fd = fd;
	is_stopping |= status_socket->is_stopping;
	must(pthread_mutex_unlock(&status_socket->lock));
	return !is_stopping;
}

static void
run(void *argument)
{
	struct status_socket *status_socket = argument;

	while (set_client(status_socket, -1)) {
		int fd =
		    accept4(status_socket->listen_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0) {
			poll(NULL, 0, PAUSE_MS);
			continue;
		}
		if (set_client(status_socket, fd))
			serve(
			    fd, status_socket->source, status_socket->handover);
		set_client(status_socket, -1);
		close(fd);
	}
	must(pthread_mutex_lock(&status_socket->lock));
	status_socket->is_running = false;
	must(pthread_cond_signal(&status_socket->ended));
	must(pthread_mutex_unlock(&status_socket->lock));
}

void
status_socket_start(struct status_socket *status_socket,
    const struct status_source *source, struct handover *handover)
{
	int error;

	if (status_socket->listen_fd < 0)
		return;
	status_socket->source = source;
	status_socket->handover = handover;
	status_socket->is_lent = false;
	status_socket->is_running = true;
	error = thread_start(run, status_socket);
	if (!error)
		return;
	status_socket->is_running = false;
	log_warning("cannot answer srcproxy status: there is no thread for it: "
		    "%s",
	    strerror(-error));
}

/* Another process may have put another file there. */
static void
remove_made(const struct stat *made, const char *path)
{
	struct stat status;

	if (lstat(path, &status) == 0 && status.st_dev == made->st_dev &&
	    status.st_ino == made->st_ino)
		unlink(path);
}

void
status_socket_close(struct status_socket *status_socket, const char *path)
{
	bool is_ours = !status_socket->is_lent && !is_given(status_socket);

	if (status_socket->listen_fd < 0)
		return;
	must(pthread_mutex_lock(&status_socket->lock));
	status_socket->is_stopping = true;
	/* These end the waits of the thread. */
	if (is_ours)
		shutdown(status_socket->listen_fd, SHUT_RDWR);
	if (status_socket->client_fd >= 0)
		shutdown(status_socket->client_fd, SHUT_RDWR);
	while (status_socket->is_running)
		must(pthread_cond_wait(
		    &status_socket->ended, &status_socket->lock));
	must(pthread_mutex_unlock(&status_socket->lock));
	close(status_socket->listen_fd);
	status_socket->listen_fd = -1;
	if (is_ours)
		remove_made(&status_socket->made, path);
}
