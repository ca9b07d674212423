#ifndef RELAY_STATE_H
#define RELAY_STATE_H

/*
 * The state shared by the two threads of a relay: the bytes moved, the result,
 * and the time limits. Both threads may call all of these functions at any
 * time.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "relay/pump.h"

enum relay_side {
	RELAY_DOWNSTREAM, /* the side that connected to us */
	RELAY_UPSTREAM,   /* the side that we connected to */
};

enum relay_end {
	RELAY_EOF, /* both streams ended and were forwarded; culprit ended first */
	RELAY_RESET,  /* culprit was reset or is gone: error has the errno */
	RELAY_FAILED, /* no thread could be started: error has the errno */
	RELAY_IDLE, /* nothing was read, written or acknowledged for idle_ms */
};

/* What a direction does, or did when the relay was stopped. */
enum relay_stage {
	RELAY_COPYING,
	RELAY_ENDING, /* its sender is gone; what it sent is being delivered */
	RELAY_WATCHING, /* its stream is forwarded; it looks out for a reset */
	RELAY_LEFT,     /* nothing more: its thread has ended */
	RELAY_STAGE_COUNT,
};

/* The direction from one side to the other. */
struct relay_flow {
	_Atomic pid_t thread; /* while it runs: for signals_interrupt() */
	/* While no thread runs. */
	enum relay_stage stage;
	uint64_t received;     /* from its side, also before the relay */
	struct pump_rest rest; /* received, and not sent yet */
};

#define RELAY_ANSWER_MAX_LEN 9

/* How long the rest of an answer may take. */
#define RELAY_ANSWER_REST_MS 1000

/*
 * What upstream may say in front of its stream: whether there is one. These
 * bytes are not part of the stream. Only upstream's thread uses this.
 */
struct relay_answer {
	bool is_awaited;
	uint8_t len; /* so far */
	uint8_t bytes[RELAY_ANSWER_MAX_LEN];
};

struct relay {
	/* The caller's. */
	int fd[2];       /* by relay_side: lent */
	int64_t idle_ms; /* 0: no limit */
	uint64_t
	    received_before; /* bytes from downstream that the caller read */
	uint64_t forwarded;  /* the part of them that is in upstream's socket */
	void (*done)(struct relay *relay);
	/*
	 * Called once upstream's first bytes are forwarded, and before that if
	 * its answer accepts; NULL: not called.
	 */
	void (*answered)(struct relay *relay);
	/*
	 * Called for each byte of an answer that is awaited. Returns 0 if the
	 * answer accepts and is complete, -EAGAIN if more of it follows, or a
	 * negative errno if it refuses: then the relay ends as by a reset, and
	 * also if the rest does not come within a second. It must decide at
	 * RELAY_ANSWER_MAX_LEN.
	 */
	int (*read_answer)(struct relay *relay);
	struct relay_answer answer;

	/* The result. */
	enum relay_end end;
	enum relay_side
	    culprit;     /* RELAY_EOF, RELAY_RESET: the side that caused it */
	int error;       /* RELAY_RESET, RELAY_FAILED: an errno */
	bool is_over[2]; /* RELAY_EOF: that socket has nothing left to do */

	/* The result so far: other threads may read it meanwhile. */
	_Atomic uint64_t bytes
	    [2]; /* from that side, and now in the socket of the other side */
	atomic_bool
	    finished[2]; /* that side's stream is forwarded, with its FIN */
	_Atomic int64_t moved_at; /* deadline_now() of the last progress */

	/* Its own. */
	int64_t slice_ms;
	_Atomic uint64_t acknowledged[2];
	atomic_bool has_settled;
	atomic_bool ended;  /* by a reset or idling: no thread reads any more */
	atomic_int running; /* threads */
	struct relay_flow flow[2]; /* by the side that it comes from */
	atomic_bool stopping;      /* the threads are to end where they are */
	atomic_bool is_still;      /* they have, and use nothing any more */
	pthread_mutex_t lock; /* so that the first thread sets the result */
};

/* Starts the state; call before the second thread exists. */
void relay_begin(struct relay *relay);

/* The same for a state that another process has begun, before relay_resume(). */
void relay_restore(struct relay *relay);

/* True if the calling thread must stop at the next safe point. */
bool relay_must_stop(const struct relay *relay);

/* Call after bytes were received or sent. */
void relay_moved(struct relay *relay);

/*
 * Call when that side's stream is forwarded. The first side is the culprit of
 * RELAY_EOF.
 */
void relay_finish(struct relay *relay, enum relay_side side);

/* Sets the result; only the first call counts. */
void relay_set_end(struct relay *relay, enum relay_end end,
    enum relay_side culprit, int error);

/* Call after a wait without an event: true if the relay idles. */
bool relay_note_wait(struct relay *relay);

/*
 * Waits until the peer on fd has acknowledged all bytes sent to it, is gone, or
 * idles, or relay_must_stop(). Reset fd only after that.
 */
void relay_drain(struct relay *relay, int fd);

/*
 * A thread's last call, after it has set the stage of its flow. The last thread
 * to call it makes sure that a reset comes after all data, and that the kernel
 * keeps no more of a complete stream than is on its way. Then it calls done().
 * If the relay is stopped before that, the last thread sets is_still instead.
 */
void relay_leave(struct relay *relay);

#endif
