#ifndef PROXY_HANDOVER_H
#define PROXY_HANDOVER_H

/*
 * The process that is replaced: gives its listeners and its live connections to
 * a new process that asks for them on the status socket (handover_record.h has
 * the messages). If anything goes wrong, it goes on with all that it had.
 *
 * The thread of the status socket greets the new process; the main thread,
 * which starts and stops acceptors, gives.
 */

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "proxy/connection.h"
#include "proxy/listeners.h"

enum handover_state {
	HANDOVER_NONE,
	HANDOVER_WANTED, /* the new process is ready; the main thread's turn */
	HANDOVER_GIVEN,
	HANDOVER_CLOSED, /* too late: this process is stopping */
};

struct handover {
	const struct service *service;
	const struct listeners *listeners;
	int status_fd; /* listens */
	bool is_server;

	pthread_mutex_t lock; /* for the state */
	pthread_cond_t changed;
	enum handover_state state;

	/* The main thread's, once it is wanted. */
	int fd; /* to the new process */
	pid_t pid;
	bool gives_pidfile;
	uint64_t served; /* requests (proxy/replay.h) that it was told of */
};

void handover_init(struct handover *handover, const struct service *service,
    const struct listeners *listeners, int status_fd, bool is_server);

/*
 * Answers "replace" with that version: of the status socket's thread. If the
 * process is replaced, nothing listens here any more when it returns.
 */
void handover_offer(struct handover *handover, int fd, const char *version);

bool handover_is_in(struct handover *handover, enum handover_state state);

/* The rest is the main thread's. */

/*
 * Gives all established connections to the new process, after the acceptors have
 * stopped; later again what has been established since. Returns 0, or -1 after
 * logging why: this process has all of them, and they go on.
 */
int handover_give(struct handover *handover);

/*
 * Gives all established connections to the service manager's store, from which
 * the next process of the service takes them. Returns 0, or -1 as above.
 */
int handover_store(struct handover *handover);

/* Answers the process that waits for a hand-over: it is given or refused. */
void handover_decide(struct handover *handover, bool is_given);

/* Refuses from now on. */
void handover_close(struct handover *handover);

#endif
