#ifndef PROXY_ACCEPTOR_H
#define PROXY_ACCEPTOR_H

/*
 * A thread that accepts what comes to one listener, and rests while there is
 * nothing left to serve it with.
 */

#include <pthread.h>
#include <stdbool.h>

#include "net/address.h"
#include "proxy/admission.h"

struct acceptor {
	/* The caller's, for as long as the thread runs. */
	int listen_fd;               /* which does not block */
	bool is_adopted;             /* listen_fd is one of socket_adopt() */
	struct admission *admission; /* says whether there is room */
	/*
	 * Takes over fd. Returns 0, or a negative errno when there was nothing
	 * to serve it with and it had to be reset.
	 */
	int (*take)(void *owner, int fd, const union address *peer);
	void *owner;

	/* Its own. */
	pthread_t thread;
	int stop_fd; /* readable when it is to end */
};

/* Returns 0, or a negative errno when there was no thread or descriptor. */
int acceptor_start(struct acceptor *acceptor);

/*
 * After admission_close(). Returns when the thread has ended. listen_fd goes on
 * to listen: who has it too can accept who comes next.
 */
void acceptor_stop(struct acceptor *acceptor);

#endif
