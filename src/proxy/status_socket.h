#ifndef PROXY_STATUS_SOCKET_H
#define PROXY_STATUS_SOCKET_H

/*
 * The Unix socket at which a running half answers questions about itself. A
 * thread of its own serves one client at a time: it reads a line,
 *
 *	status
 *	connections [USER]
 *	replace MAJOR MINOR
 *
 * and answers with the object of status_report.h, or hands this process over. A
 * client that does not read is cut off after a few seconds. No failure here ends
 * the program or delays a connection. Only root and the group of the service may
 * connect.
 */

#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "config/config.h"
#include "process/privilege.h"
#include "proxy/handover.h"
#include "proxy/status_report.h"

struct status_socket {
	int listen_fd;    /* -1: there is none */
	struct stat made; /* the file that bind(2) made */
	const struct status_source *source;
	struct handover *handover;
	bool is_lent; /* by the process that is replaced, until it has ended */
	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t ended; /* signalled when is_running becomes false */
	int client_fd;        /* -1: none */
	bool is_running, is_stopping;
};

/*
 * Makes the socket at the configuration's status_path; as owner, which this
 * process will become, unless that is NULL. Takes over a socket that no process
 * serves, or inherited_fd, unless it is -1: the socket of the process that is
 * replaced, which listens there. On a failure it logs why, and the half works
 * without a socket. Call before privileges are dropped.
 */
void status_socket_open(struct status_socket *status_socket,
    const struct config *config, const struct privilege *owner,
    int inherited_fd);

/* Starts the thread, if there is a socket. */
void status_socket_start(struct status_socket *status_socket,
    const struct status_source *source, struct handover *handover);

/*
 * Cuts a client off, waits for the thread to end, and removes the socket, unless
 * another process has it now.
 */
void status_socket_close(struct status_socket *status_socket, const char *path);

#endif
