#ifndef ACCEPTOR_H
#define ACCEPTOR_H

/*
 * A thread that accepts what comes to one listener, and rests while there is
 * nothing left to serve it with.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "address.h"
#include "registry.h"

struct acceptor {
	/* The caller's, for as long as the thread runs. */
	int listen_fd;
	struct registry *registry; /* says whether there is room */
	/*
	 * Takes over fd. Returns 0, or a negative errno when there was nothing
	 * to serve it with and it had to be reset.
	 */
	int (*take)(void *owner, int fd, const union address *peer);
	void *owner;

	/* Its own. */
	pthread_t thread;
	atomic_bool stopping;
};

/* Returns 0, or a negative errno when the thread could not be had. */
int acceptor_start(struct acceptor *acceptor);

/*
 * After registry_close(). Returns when the thread has ended; nobody can connect
 * to listen_fd then.
 */
void acceptor_stop(struct acceptor *acceptor);

#endif
