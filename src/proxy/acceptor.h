#ifndef PROXY_ACCEPTOR_H
#define PROXY_ACCEPTOR_H

/*
 * A thread that accepts the connections of one listener. It pauses while there
 * are no descriptors or threads to serve them.
 */

#include <pthread.h>
#include <stdbool.h>

#include "net/address.h"
#include "proxy/admission.h"

struct acceptor {
	/* Set by the caller; must live as long as the thread. */
	int listen_fd;               /* non-blocking */
	bool is_adopted;             /* listen_fd went through socket_adopt() */
	struct admission *admission; /* says whether there is room */
	/*
	 * Takes over fd. Returns 0, or a negative errno after resetting it for
	 * want of a thread or memory.
	 */
	int (*take)(void *owner, int fd, const union address *peer);
	void *owner;

	/* Set by acceptor_start(). */
	pthread_t thread;
	int stop_fd; /* eventfd, readable once the thread must end */
};

/* Returns 0, or a negative errno when there was no thread or descriptor. */
int acceptor_start(struct acceptor *acceptor);

/*
 * Call it after admission_close(). Returns when the thread has ended. listen_fd
 * still listens: another process that shares it can accept the next
 * connections.
 */
void acceptor_stop(struct acceptor *acceptor);

#endif
