#ifndef RELAY_STATE_H
#define RELAY_STATE_H

/*
 * What the two threads of a relay share: what has moved, how it ends, and how
 * long that may take. Both may call all of these functions at any time.
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

/* Before there is the second thread: nothing has happened yet. */
void relay_begin(struct relay *relay);

/* Bytes were received or sent. */
void relay_moved(struct relay *relay);

/* That side's stream is handed on. Whose is so first, has ended it all. */
void relay_finish(struct relay *relay, enum relay_side side);

/* The first one to call this decides the result. */
void relay_set_end(struct relay *relay, enum relay_end end,
    enum relay_side culprit, int error);

/* For who has waited in vain, as long as it should: true if it idles. */
bool relay_note_wait(struct relay *relay);

/*
 * Returns when the peer on fd has all that was sent to it, or is gone, or
 * idles: only then it may be reset.
 */
void relay_drain(struct relay *relay, int fd);

/*
 * The last thing that a thread does with it. The last thread to do so sees to
 * it that a reset comes after all data, and that no more of a complete stream
 * is left to the kernel than is on its way, and calls done().
 */
void relay_leave(struct relay *relay);

#endif
