#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

/*
 * Copies bytes both ways between two connected TCP sockets until both sides
 * have ended their stream, one side is reset, or nothing has moved for too
 * long. The relay knows nothing of the purpose of the two sockets.
 *
 * Two threads, the caller's and one of its own, each block on one direction, so
 * a reader that stalls in one direction never holds up the other. Neither
 * thread waits for the other at the end: the last one reports. SIGPIPE must be
 * ignored.
 */

#include "relay/state.h"

/*
 * Runs one direction in the caller's thread, and returns when that direction
 * has ended. The relay must stay in place until the last of the two threads
 * calls done(), once. done() may free the relay and closes both sockets:
 * gracefully after RELAY_EOF, otherwise with a reset. Bytes that the culprit of
 * a RELAY_RESET sent before have been delivered to the other side by then.
 */
void relay_run(struct relay *relay);

/*
 * Stops the relay where nothing is half done, without an end: done() is not
 * called. Call it again and again until it returns true: then no thread uses
 * the relay or its sockets, and the state in *relay is plain data. The caller
 * must know that done() has not freed the relay; if it is called meanwhile,
 * there is nothing left to stop.
 */
bool relay_stop(struct relay *relay);

/*
 * Goes on where relay_stop() stopped it, maybe in another process: with the
 * same fields and descriptors. Waits until there are threads for it.
 */
void relay_resume(struct relay *relay);

#endif
