#ifndef RELAY_H
#define RELAY_H

/*
 * Copies bytes both ways between two connected TCP sockets until both sides
 * have ended their stream, or one is reset, or nothing has moved for too long.
 * It knows nothing of what the two are for.
 *
 * Two threads, the caller and one of its own, each block on one direction, so a
 * reader that stalls one way never holds up the other. Neither waits for the
 * other in the end: who is the last one tells. SIGPIPE must be ignored.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum relay_side {
	RELAY_DOWNSTREAM, /* who connected to us */
	RELAY_UPSTREAM,   /* whom we connected to */
};

enum relay_end {
	RELAY_EOF, /* both ended their stream, all was handed on: culprit first */
	RELAY_RESET,  /* culprit was reset, or is gone: error says how */
	RELAY_FAILED, /* the thread could not be had: error says why */
	RELAY_IDLE, /* nothing was read, written or acknowledged for idle_ms */
};

struct relay {
	/* The caller's. */
	int fd[2];                /* by relay_side: lent */
	int64_t idle_ms;          /* 0: no limit */
	uint64_t received_before; /* from downstream, by the caller */
	uint64_t forwarded;       /* of these: upstream's socket has them */
	void (*done)(struct relay *relay);

	/* The result. */
	enum relay_end end;
	enum relay_side culprit; /* RELAY_EOF, RELAY_RESET: which side it was */
	int error;               /* RELAY_RESET, RELAY_FAILED: an errno */
	bool is_over[2]; /* RELAY_EOF: that socket has nothing left to do */

	/* The result so far: other threads may look at it meanwhile. */
	_Atomic uint64_t
	    bytes[2]; /* from that side, that the other's socket has */
	atomic_bool finished[2];  /* that side's stream is handed on, FIN too */
	_Atomic int64_t moved_at; /* deadline_now() of the last progress */

	/* Its own. */
	int64_t slice_ms;
	_Atomic uint64_t acknowledged[2];
	atomic_bool has_settled;
	atomic_bool ended;    /* by a reset or idling: nobody reads any more */
	atomic_int running;   /* threads */
	pthread_mutex_t lock; /* for who comes first to set the result */
};

/*
 * Runs one direction in the caller's thread, and returns when that has come to
 * its end. The relay stays where it is until done() is called, once, by the
 * last of the two threads, which may then free the relay and close both
 * sockets: gracefully after RELAY_EOF, else with a reset. What the culprit of a
 * RELAY_RESET had sent before has been delivered to the other side by then.
 */
void relay_run(struct relay *relay);

#endif
