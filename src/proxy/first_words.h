#ifndef PROXY_FIRST_WORDS_H
#define PROXY_FIRST_WORDS_H

/*
 * Whether it is worth a moment to wait for a user's first bytes, by the port of
 * the destination: for SSH or SMTP the destination speaks first, and the wait
 * is in vain. Any thread may call these functions. Two threads that count at
 * the same time may count once; no more depends on it.
 */

#include <stdbool.h>
#include <stdint.h>

bool first_words_expected(uint16_t port);

/* After a wait: whether the user's first bytes came. */
void first_words_note(uint16_t port, bool came);

#endif
