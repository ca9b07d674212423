#ifndef LOAD_H
#define LOAD_H

/*
 * The benchmark's load generator. Each mode is one function: it announces what
 * has happened as one line of JSON on standard output, is told what to do next
 * by lines on standard input, and is over after a bounded time in any case.
 *
 * A client's connection starts with one byte that names the service it wants.
 * The server answers with the same byte, so that a client knows the connection
 * to be there from end to end: a proxy accepts before the destination has.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "net/address.h"

#define SERVICE_ECHO 'e'
/* Reads a stream to its end, then sends its length as a uint64_t. */
#define SERVICE_DISCARD 'd'
/* Sends from the client's next byte on, until the client ends its stream. */
#define SERVICE_GENERATE 'g'

/* How long a connection may take if it began within the measured time. */
#define GRACE_NS (5 * SECOND_NS)
#define SECOND_NS INT64_C(1000000000)

struct options {
	union address to; /* the server; in the server: where to listen */
	size_t connections;
	size_t threads;
	int64_t duration_ns;
	size_t message_len;  /* of a round trip */
	uint16_t first_port; /* 0: the kernel chooses source ports */
	uint16_t port_count; /* that many ports are used in turn */
	bool down;           /* a stream comes from the server */
};

void serve(const struct options *options);
void make_connections(const struct options *options);
void make_round_trips(const struct options *options);
void stream(const struct options *options);
void hold_threads(const struct options *options);
void keep_busy(const struct options *options);

/* Waits for a line on standard input; false at its end. */
bool told_to_go_on(void);

/*
 * Waits for the end of the input, so that a test can look at the open
 * connections.
 */
void wait_to_be_let_go(void);

/* Runs work(worker) in a thread for each of the workers; waits for all. */
void run_workers(
    void *workers, size_t count, size_t worker_size, void *(*work)(void *));

static inline int64_t
clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND_NS + now.tv_nsec;
}

#endif
