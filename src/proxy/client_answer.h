#ifndef PROXY_CLIENT_ANSWER_H
#define PROXY_CLIENT_ANSWER_H

/* What the client half makes of the answer to a request of version 2. */

#include <stddef.h>
#include <stdint.h>

#define CLIENT_ANSWER_MAX_LEN 9
#define CLIENT_ANSWER_STRLEN 160

/*
 * Returns 0 if the server half is connected, -EAGAIN if the answer's bytes so
 * far are not all of it, or the negative errno of the refusal (refusal.h).
 */
int client_answer_read(const uint8_t *answer, size_t len);

/*
 * Receives an answer from a socket on which nothing else has come. Returns 0
 * once it is complete, or a negative errno: -ETIMEDOUT, also if the rest of it
 * does not come within a second, or -ENODATA at the end of the stream. *len: how
 * many bytes have come.
 */
int client_answer_receive(int fd, int64_t deadline,
    uint8_t answer[CLIENT_ANSWER_MAX_LEN], size_t *len);

/*
 * The cause of a refusal in words, also of an answer that is not complete.
 * Returns text.
 */
const char *client_answer_cause(
    const uint8_t *answer, size_t len, char text[CLIENT_ANSWER_STRLEN]);

/* The same for the log, which says whether the server half is the cause. */
const char *client_answer_reason(
    const uint8_t *answer, size_t len, char text[CLIENT_ANSWER_STRLEN]);

/* What to do about it. */
const char *client_answer_advice(uint8_t status);

#endif
