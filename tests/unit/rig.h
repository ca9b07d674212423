#ifndef RIG_H
#define RIG_H

/*
 * A relay at work between two ends that the test holds: the user, who connected
 * to it, and the destination, to which it connected. Its own two sockets are as
 * socket.h makes them, and are closed as connection.c does that.
 */

#include <pthread.h>
#include <semaphore.h>

#include "relay/relay.h"
#include "tcp.h"

struct rig {
	int end[2]; /* by relay_side, who speaks there */
	struct relay relay;
	pthread_t thread;
	sem_t done;
	pthread_mutex_t lock; /* for what looks at the relay's sockets */
	bool closed;
};

/*
 * Connects all. A buffer_len keeps what the kernels at both ends of that side's
 * connection queue near that size; 0 leaves it to them.
 */
void rig_open(struct rig *rig, int family, int downstream_buffer_len,
    int upstream_buffer_len);

/* Runs the relay in a thread. */
void rig_start(struct rig *rig);

/* Waits for the relay to be over and its sockets to be closed. */
void rig_join(struct rig *rig);

/* What the relay's kernel has not delivered yet to that side. */
int rig_queued(struct rig *rig, enum relay_side side);

/* Waits for a reset by that side to reach the relay's kernel. */
void rig_await_reset(struct rig *rig, enum relay_side side);

/* Takes away the error of a reset, as another thread's call would. */
void rig_take_error(struct rig *rig, enum relay_side side);

/* Joins, checks the result of a reset, closes the ends that are open (>= 0). */
void rig_finish_reset(struct rig *rig, enum relay_side culprit);

/* The same, of a relay that ended like that. */
void rig_finish(struct rig *rig, enum relay_end end);

/* A thread that sends that much of the stream and then, maybe, a FIN. */
struct rig_sender {
	pthread_t thread;
	int fd;
	unsigned seed;
	uint64_t len;
	bool fin;
	uint64_t sent;
};

void rig_send(
    struct rig_sender *sender, int fd, unsigned seed, uint64_t len, bool fin);
void rig_sent(struct rig_sender *sender);

#endif
