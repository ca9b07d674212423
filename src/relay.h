#ifndef RELAY_H
#define RELAY_H

/*
 * Copies bytes both ways between two connected TCP sockets until both sides
 * have ended their stream, or one is reset, or nothing has moved for too long.
 * It knows nothing of what the two are for.
 *
 * Two threads, the caller and one of its own, each block on one direction, so a
 * reader that stalls one way never holds up the other. SIGPIPE must be ignored.
 */

#include <stdatomic.h>
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
	int fd[2];        /* by relay_side: lent */
	int64_t idle_ms;  /* 0: no limit */
	const void *head; /* bytes of downstream's stream, read already */
	size_t head_len;
	uint64_t received_before; /* from downstream, the head included */
	uint64_t forwarded;       /* of these: upstream's socket has them */

	/* The result. */
	enum relay_end end;
	enum relay_side culprit; /* RELAY_EOF, RELAY_RESET: which side it was */
	int error;               /* RELAY_RESET, RELAY_FAILED: an errno */

	/* The result so far: other threads may look at it meanwhile. */
	_Atomic uint64_t
	    bytes[2]; /* from that side, that the other's socket has */
	atomic_bool finished[2];  /* that side's stream is handed on, FIN too */
	_Atomic int64_t moved_at; /* deadline_now() of the last progress */
};

/*
 * Returns 0, or a negative errno when nothing was copied because the thread
 * could not be had; the result is filled in either way. Afterwards the caller
 * closes both: gracefully after RELAY_EOF, else with a reset. What the culprit
 * of a RELAY_RESET had sent before has been delivered to the other side then.
 */
int relay_run(struct relay *relay);

#endif
