#ifndef BASE_FUTEX_H
#define BASE_FUTEX_H

/*
 * Waits for a word to change: futex(2), private to the process. The wait and
 * the wake-up are one system call each. A condition variable takes one more: its
 * waiter takes the lock back as if others waited for it, and wakes them (glibc
 * 2.36). sem_timedwait(3) waits by the wall clock, which can be set.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Waits while the word has that value. False once the deadline (deadline.h) has
 * passed. True may be a spurious wakeup: look at the word.
 */
bool futex_wait(atomic_uint *word, unsigned value, int64_t deadline);

/* Wakes one thread that waits; call it after changing the word. */
void futex_wake(atomic_uint *word);

#endif
