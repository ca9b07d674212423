#ifndef PROXY_STATUS_SOCKET_H
#define PROXY_STATUS_SOCKET_H

/*
 * The Unix socket on which a running half answers what it does. A thread of its
 * own serves one client at a time: it reads a line,
 *
 *	status
 *	connections [USER]
 *
 * and answers with status_report.h's object. A client that does not read is cut
 * off after a few seconds. Nothing here ends the program or holds up a
 * connection. Only root and the group of the service may connect.
 */

#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "config/config.h"
#include "process/privilege.h"
#include "proxy/status_report.h"

struct status_socket {
	int listen_fd;    /* -1: there is none */
	struct stat made; /* what bind(2) made at the path */
	const struct status_source *source;
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t ended; /* signalled when is_running becomes false */
	int client_fd;        /* who is served; -1: nobody */
	bool is_running, is_stopping;
};

/*
 * Makes the socket at the configuration's status_path, as owner where that is
 * not NULL: root will become that user. One that nobody serves is taken over.
 * Reports why it could not; the half goes on without it then. Before privileges
 * go and the sandbox is entered.
 */
void status_socket_open(struct status_socket *status_socket,
    const struct config *config, const struct privilege *owner);

/* Begins to answer. Nothing is done where there is no socket. */
void status_socket_start(
    struct status_socket *status_socket, const struct status_source *source);

/* Waits until the thread has ended, cuts a client off, removes the socket. */
void status_socket_close(struct status_socket *status_socket, const char *path);

#endif
