#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

/*
 * Copies bytes both ways between two connected TCP sockets until both sides
 * have ended their stream, or one is reset, or nothing has moved for too long.
 * It knows nothing of what the two are for.
 *
 * Two threads, the caller and one of its own, each block on one direction, so a
 * reader that stalls one way never holds up the other. Neither waits for the
 * other in the end: who is the last one tells. SIGPIPE must be ignored.
 */

#include "relay/state.h"

/*
 * Runs one direction in the caller's thread, and returns when that has come to
 * its end. The relay stays where it is until done() is called, once, by the
 * last of the two threads, which may then free the relay and close both
 * sockets: gracefully after RELAY_EOF, else with a reset. What the culprit of a
 * RELAY_RESET had sent before has been delivered to the other side by then.
 */
void relay_run(struct relay *relay);

#endif
