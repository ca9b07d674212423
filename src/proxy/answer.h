#ifndef PROXY_ANSWER_H
#define PROXY_ANSWER_H

/*
 * The server half's answer to a request of version 2: one byte before the
 * destination's stream, or the reason of a refusal (srcproxy-protocol(7)). A
 * peer that has gone needs no reason, so those calls do not fail.
 */

#include <stdatomic.h>

#include "proxy/protocol.h"

/* The status of a refusal with that negative errno of dial() (role.h). */
enum protocol_status answer_status_of(int error);

/*
 * The byte goes with the first ones of the stream, or soon by itself. Returns 0
 * or a negative errno: then no stream may follow.
 */
int answer_connected(int fd);

/*
 * The check passed: closing fd then ends the stream without a reset, also if
 * bytes have come with the check.
 */
void answer_checked(int fd);

/* Closing fd then resets it. */
void answer_refused(int fd, enum protocol_status status);

/*
 * The reset may overtake the answer. Waits for some time until the peer has it,
 * or *stop is true.
 */
void answer_await_taken(int fd, const atomic_bool *stop);

#endif
